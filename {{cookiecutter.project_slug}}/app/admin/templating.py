"""The Jinja environment of the library: this project's globals, and caches for what a page needs a hundred times."""

from functools import cache, lru_cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup
from starlette_admin.i18n import get_locale, gettext

from app.accounts.event_labels import label_of
from app.admin.base.date_ranges import date_ranges
from app.admin.base.fields import is_short, time_tag
from app.admin.base.menu import menu_sections
from app.admin.csp import NonceExtension
from app.admin.imports.imports import IMPORT_LIMITS, import_columns, import_match_fields
from app.admin.urls import detail_url, edit_url, home_url, static_url, url_for
from app.theme import STYLESHEET

_STATIC = Path(__file__).parent / "static"


def configure_environment(environment: Environment, *, reload: bool) -> None:
    """Configure the library's environment; `reload` picks up changed files, and checks them for each page."""
    environment.add_extension(NonceExtension)
    environment.trim_blocks = environment.lstrip_blocks = True  # a fifth less HTML
    environment.auto_reload = reload
    environment.globals |= {
        "_": translate,
        "changed": _time_of_change if reload else cache(_time_of_change),
        "date_ranges": date_ranges,
        "detail_url": detail_url,
        "edit_url": edit_url,
        "event_label": label_of,
        "import_columns": import_columns,
        "import_limits": IMPORT_LIMITS,
        "import_match_fields": import_match_fields,
        "is_short": is_short,
        "menu_sections": menu_sections,
        "home_url": home_url,
        "static_url": static_url,
        "theme": STYLESHEET,
        "time_tag": time_tag,
        "url_for": url_for,
    }


def translate(message: str, /, **values: object) -> Markup:
    """Return a text of the library in the language of the request."""
    text = _translated(get_locale(), message)
    return text % values if values else text


@lru_cache(maxsize=1_000)
def _translated(locale: str, message: str) -> Markup:  # noqa: ARG001 - part of the cache key
    return Markup(gettext(message))  # noqa: S704 - not from users


def _time_of_change(name: str | Path) -> int:
    return int((_STATIC / name).stat().st_mtime)
