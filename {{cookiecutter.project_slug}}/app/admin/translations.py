"""Cached texts of the library's templates; a page has a hundred and fifty."""

from functools import lru_cache

from markupsafe import Markup
from starlette_admin.i18n import get_locale, gettext


def translate(message: str, /, **values: object) -> Markup:
    """Return a text in the language of the request."""
    text = _translated(get_locale(), message)
    return text % values if values else text


@lru_cache(maxsize=1_000)
def _translated(locale: str, message: str) -> Markup:  # noqa: ARG001 - part of the cache key
    return Markup(gettext(message))  # noqa: S704 - a text of the library
