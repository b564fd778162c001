"""Languages of pages, the admin and emails. API responses are in English.

English is the source language. Each part has the catalogs (GNU gettext) of its own texts for every other language, such
as `app/features/notes/translations/de/LC_MESSAGES/messages.po`; a language is on offer when one of them is compiled to
`messages.mo`.

    gettext("Delete %(name)s?", name=title)            translate into the current locale
    ngettext("%(num)s note", "%(num)s notes", count)   choose the plural form
    gettext_noop("Notes")                              mark a constant, which `gettext` translates where it is shown

Templates have the first two as `_` and `ngettext`, and `{% trans trimmed %}` for sentences with markup. `_` doesn't
escape its text, only the values: never pass it a text of a user.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from babel.numbers import get_decimal_symbol
from jinja2 import Environment
from markupsafe import Markup

SOURCE_LOCALE = "en"

_APP = Path(__file__).parent
_PARTS = ("", "*/", "features/*/")  # folders that may have catalogs
_MAX_HEADER_LENGTH = 200  # more languages aren't looked at


class InvalidCatalog(ValueError):
    """A catalog can't be read, or its folder isn't named by a locale."""


_locale: ContextVar[str | None] = ContextVar("locale", default=None)


def gettext(message: str, /, **values: object) -> str:
    """Translate a text into the current locale, and insert the values at `%(name)s`."""
    catalog = _catalogs().get(_locale.get() or SOURCE_LOCALE)
    text = catalog.gettext(message) if catalog and message else message
    return text % values if values else text


def ngettext(one: str, many: str, number: int, /, **values: object) -> str:
    """Translate the singular or plural form for a number, which is inserted at `%(num)s`."""
    return _plural(one, many, number) % {"num": number, **values}


def gettext_noop(message: str) -> str:
    """Mark a text for the catalogs and return it unchanged."""
    return message


def current_locale() -> str:
    """Return the locale that texts are translated into, such as `pt_BR`."""
    return _locale.get() or SOURCE_LOCALE


def requested_locale() -> str | None:
    """Return the locale of a page's request; None if there is no choice: in the API, in commands, with English only."""
    return _locale.get() if len(available_locales()) > 1 else None


def set_locale(locale: str) -> None:
    """Translate into this locale from now on, in this request."""
    _locale.set(locale)


@contextmanager
def use_locale(locale: str | None) -> Iterator[None]:
    """Translate into an account's locale, such as an email to it; without one, into the current locale."""
    token = _locale.set(locale if locale in available_locales() else _locale.get())
    try:
        yield
    finally:
        _locale.reset(token)


@cache
def available_locales() -> tuple[str, ...]:
    """Return the locales on offer: English, and those with a catalog.

    Raises:
        InvalidCatalog: naming the file or folder, when a catalog can't be read or its folder isn't named by a locale.
    """
    return tuple(dict.fromkeys([SOURCE_LOCALE, *sorted(_catalogs())]))


def read_locale(folder: Path) -> Locale:
    """Return the locale of a catalog's folder, such as `translations/pt_BR`.

    Raises:
        InvalidCatalog: naming the folder, when it isn't named by a locale.
    """
    locale = _find_locale(folder.name)
    if locale is None:
        raise InvalidCatalog(f"{folder}: there is no such locale. Rename the folder, such as to fr or pt_BR.")
    if str(locale) != folder.name:
        raise InvalidCatalog(f"{folder}: rename the folder to {locale}.")
    return locale


def _find_locale(language: str) -> Locale | None:
    """Return a locale by a language tag or its name: `zh-CN` and `zh_CN` are `zh_Hans_CN`."""
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return None


class Language(NamedTuple):
    """A locale, and how to present it."""

    locale: str
    tag: str
    """Language tag for HTML and HTTP (BCP 47), such as `pt-BR`."""
    name: str
    """In the language itself, such as "Deutsch"."""
    is_right_to_left: bool


@cache
def describe_language(locale: str) -> Language:
    """Return how to present a locale."""
    parsed = Locale.parse(locale)
    name = parsed.get_display_name() or locale
    return Language(locale, locale.replace("_", "-"), name[:1].upper() + name[1:], parsed.text_direction == "rtl")


def in_sentence(label: object) -> str:
    """Return a label for the middle of a sentence: in lower case, except in German, which capitalizes nouns."""
    return str(label) if current_locale().startswith("de") else str(label).lower()


def decimal_symbol() -> str:
    """Return the decimal symbol of the current locale."""
    locale = current_locale()
    return "." if locale == SOURCE_LOCALE else get_decimal_symbol(locale)


def choose_locale(account: str | None, cookie: str | None, accept_language: str) -> str:
    """Return the locale of the account, else of the cookie, else the best one for `Accept-Language`, else English."""
    available = available_locales()
    for chosen in (account, cookie):
        if chosen in available:
            return chosen or SOURCE_LOCALE
    return _negotiate(accept_language[:_MAX_HEADER_LENGTH]) if len(available) > 1 else SOURCE_LOCALE


@lru_cache
def _negotiate(accept_language: str) -> str:
    """Return the best locale on offer for an `Accept-Language` header (RFC 9110 §12.5.4)."""
    preferred = []
    for item in accept_language.split(","):
        language, _, parameter = item.partition(";")
        quality = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", parameter)
        if not parameter or (quality and float(quality[1])):
            preferred.append((-float(quality[1]) if quality else -1, language.strip().replace("-", "_")))
    available = {locale.lower(): locale for locale in available_locales()}
    names = [name for _, language in sorted(preferred, key=lambda item: item[0]) for name in _names(language)]
    return next((available[name] for name in names if name in available), SOURCE_LOCALE)


def _names(language: str) -> Iterator[str]:
    """Yield the names of locales for a language, the best first: `zh_hans_cn`, `zh_hans`, `zh` for `zh_CN`."""
    name = str(_find_locale(language) or language).lower()
    while name:
        yield name
        name = name.rpartition("_")[0]


def add_translations(environment: Environment) -> None:
    """Add `_`, `ngettext` and `{% trans %}` to a Jinja environment."""
    environment.extend(newstyle_gettext=True)  # values are inserted by the functions, and escaped
    environment.add_extension("jinja2.ext.i18n")
    translate, choose = (_gettext_markup, _ngettext_markup) if environment.autoescape else (_gettext_text, ngettext)
    environment.globals |= {"_": translate, "gettext": translate, "ngettext": choose}


def _gettext_text(message: str, /, **values: object) -> str:
    text = gettext(message)
    return text % values if values or "%%" in text else text


def _gettext_markup(message: str, /, **values: object) -> Markup:
    if values:
        return Markup(gettext(message)) % values  # noqa: S704 - from a catalog
    return _markup(_locale.get(), message)


@lru_cache(maxsize=2_000)
def _markup(locale: str | None, message: str) -> Markup:  # noqa: ARG001 - part of the cache key
    return Markup(_gettext_text(message))  # noqa: S704 - from a catalog


def _ngettext_markup(one: str, many: str, number: int, /, **values: object) -> Markup:
    return Markup(_plural(one, many, number)) % {"num": number, **values}  # noqa: S704 - from a catalog


def _plural(one: str, many: str, number: int) -> str:
    catalog = _catalogs().get(_locale.get() or SOURCE_LOCALE)
    return catalog.ngettext(one, many, number) if catalog else one if number == 1 else many


def add_fallback(locale: str, catalog: NullTranslations) -> None:
    """Look up the texts that the catalogs of a locale don't have in another one, such as that of a library."""
    if locale in _catalogs():
        _catalogs()[locale].add_fallback(catalog)


@cache
def _catalogs() -> Mapping[str, GNUTranslations]:
    """Read the compiled catalogs of all parts, by locale."""
    found: dict[str, GNUTranslations] = {}
    for part in _PARTS:
        for file in sorted(_APP.glob(f"{part}translations/*/LC_MESSAGES/messages.mo")):
            locale = str(read_locale(file.parents[1]))
            content = BytesIO(file.read_bytes())
            try:
                catalog = GNUTranslations(content)
            except (OSError, struct.error, UnicodeDecodeError) as error:
                raise InvalidCatalog(f"{file}: invalid. Run `app translate compile`.") from error
            if locale in found:
                found[locale].add_fallback(catalog)  # asked for texts that the others don't have
            else:
                found[locale] = catalog
    return found
