"""The Jinja environment of the library: this project's globals, and caches for what a page needs a hundred times."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from starlette_admin.i18n import translations
from starlette_admin.importers import ImportConfig

from app.accounts.event_labels import label_of
from app.admin.base.date_ranges import date_ranges
from app.admin.base.fields import is_short, time_tag
from app.admin.base.menu import menu_sections
from app.admin.csp import NonceExtension
from app.admin.formatting import format_day, format_day_and_month
from app.admin.imports.upload import PREVIEWED_ROWS, import_columns, import_match_fields
from app.admin.urls import detail_url, edit_url, home_url, static_url, url_for
from app.database.titles import label_of_name
from app.formatting import format_number
from app.i18n import (
    add_fallback,
    add_translations,
    current_locale,
    describe_language,
    gettext,
    gettext_noop,
    in_sentence,
)
from app.theme import STYLESHEET

LIBRARY_TEXTS = (
    gettext_noop("Forbidden"),
    gettext_noop("Next page"),
    gettext_noop("Not Found"),
    gettext_noop("Previous page"),
)
"""Texts of the libraries that their catalogs don't have."""

EVENT_DATA = (
    *(gettext_noop("Action"), gettext_noop("Added"), gettext_noop("Format"), gettext_noop("Left")),
    *(gettext_noop("Number"), gettext_noop("Prefix"), gettext_noop("Prefixes"), gettext_noop("Removed")),
    *(gettext_noop("Roles"), gettext_noop("Rows"), gettext_noop("Scopes"), gettext_noop("Session ID")),
    *(gettext_noop("Sessions"), gettext_noop("What")),
)
"""Labels of what events record."""

_STATIC = Path(__file__).parent / "static"


def configure_environment(environment: Environment, limits: ImportConfig, *, reload: bool) -> None:
    """Configure the library's environment. `limits` are those of imports.

    `reload` picks up changed files, and checks them for each page.
    """
    environment.add_extension(NonceExtension)
    environment.trim_blocks = environment.lstrip_blocks = True  # a fifth less HTML
    environment.auto_reload = reload
    _find_library_texts()
    add_translations(environment)
    theme_attributes: Any = environment.globals["theme_html_attrs"]
    environment.globals |= {
        "changed": _time_of_change if reload else cache(_time_of_change),
        "date_ranges": date_ranges,
        "detail_url": detail_url,
        "edit_url": edit_url,
        "event_label": label_of,
        "field_label": lambda name: gettext(label_of_name(name)),
        "import_columns": import_columns,
        "import_limits": limits,
        "import_match_fields": import_match_fields,
        "in_sentence": in_sentence,
        "is_short": is_short,
        "menu_sections": menu_sections,
        "previewed_rows": PREVIEWED_ROWS,
        "format_day": format_day,
        "format_day_and_month": format_day_and_month,
        "format_number": format_number,
        "get_locale": _language_tag,
        "home_url": home_url,
        "static_url": static_url,
        "theme": STYLESHEET,
        "theme_html_attrs": lambda request: {**theme_attributes(request), **_direction()},
        "time_tag": time_tag,
        "translate": gettext,  # its result is escaped, unlike that of `_`
        "url_for": url_for,
    }


def _language_tag() -> str:
    """Return the value of `<html lang>`, also in languages that the library isn't translated into."""
    return describe_language(current_locale()).tag


def _direction() -> dict[str, str]:
    return {"dir": "rtl"} if describe_language(current_locale()).is_right_to_left else {}


@cache
def _find_library_texts() -> None:
    """Translate texts of the library with its own catalogs, unless this project's have them."""
    for locale, catalog in translations.items():
        add_fallback(locale, catalog)


def _time_of_change(name: str | Path) -> int:
    return int((_STATIC / name).stat().st_mtime)
