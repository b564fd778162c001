"""Read and write catalogs, the .po and .mo files of GNU gettext. Each part of the app has its own.

A catalog is at `<part>/translations/<locale>/LC_MESSAGES/messages.po`. See app/i18n.py for how they are used.
"""

import re
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from babel.core import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po, write_po

from app.i18n import InvalidCatalog, read_locale

ROOT = Path(__file__).parents[2]
_CATALOG = "LC_MESSAGES/messages.po"
_HEADER = "# Texts of {part}. Translate each msgstr, then run `app translate compile`."


class StableCatalog(Catalog):
    """A catalog whose header has no dates and versions: its file changes only if its texts do."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        """The header of the file."""
        language = [("Language", str(self.locale)), ("Plural-Forms", self.plural_forms)] if self.locale else []
        return [*language, ("MIME-Version", "1.0"), ("Content-Type", "text/plain; charset=utf-8")]

    @mime_headers.setter
    def mime_headers(self, value: Iterable[tuple[str, str]]) -> None:
        """Ignore other headers."""


def new_catalog(part: str, locale: Locale | None = None) -> StableCatalog:
    """Return an empty catalog of a part, such as `app/web`."""
    return StableCatalog(locale, header_comment=_HEADER.format(part=part), fuzzy=False)


def list_parts() -> list[str]:
    """List the folders that may have a catalog, those that others build on first."""
    folders = ["app", "app/operations", "app/web", "app/admin", *(f"app/features/{path.name}" for path in _features())]
    return [folder for folder in folders if (ROOT / folder).is_dir()]


def list_files() -> list[Path]:
    """List the .po files of all parts."""
    return [path for part in list_parts() for path in sorted((ROOT / part / "translations").glob(f"*/{_CATALOG}"))]


def list_locales() -> list[Locale]:
    """List the locales that any part has been translated to.

    Raises:
        InvalidCatalog: naming a folder that isn't the one of a locale.
    """
    locales = {str(locale): locale for locale in (read_locale(path.parents[1]) for path in list_files())}
    return [locales[name] for name in sorted(locales)]


def write_template(part: str, texts: StableCatalog) -> str:
    """Write the texts without translations to `messages.pot`. Returns its path."""
    path = ROOT / part / "translations" / "messages.pot"
    _write(path, texts)
    return path.relative_to(ROOT).as_posix()


def update(part: str, locale: Locale, texts: StableCatalog) -> tuple[str, int] | None:
    """Write the texts with the translations that the .po files of this locale have.

    Returns the path, and how many texts are not translated; None if the part has no texts.
    """
    path = ROOT / part / "translations" / str(locale) / _CATALOG
    existing = [read(file) for file in [path, *_others(path, locale)] if file.exists()]
    updated = new_catalog(part, locale)
    for message in _messages(texts):
        found = [old for catalog in existing if (old := catalog.get(message.id, message.context)) is not None]
        known = next((old for old in found if old.id == message.id and is_translated(old)), None)
        flags = message.flags | (known.flags & {"fuzzy"} if known else set())
        updated.add(
            message.id,
            known.string if known else None,
            message.locations,
            flags,
            message.auto_comments,
            known.user_comments if known else (),
            context=message.context,
        )
    if not len(texts) and not path.exists():
        return None
    _write(path, updated)
    return path.relative_to(ROOT).as_posix(), sum(not is_translated(message) for message in _messages(updated))


def compile_file(path: Path) -> tuple[int, int]:
    """Write the .mo file of a .po file. Returns how many texts are translated, and how many there are.

    Raises:
        InvalidCatalog: if a placeholder, a percent sign or a plural form is missing or wrong.
    """
    catalog = read(path)
    for message, (error, *_) in catalog.check():
        raise InvalidCatalog(f"{_name(path)}:{message.lineno}: {_text_of(message)!r}: {_lower(error)}.")
    for message in _messages(catalog):
        if any(_forms(message)) and not is_translated(message):
            raise InvalidCatalog(f"{_name(path)}:{message.lineno}: {_text_of(message)!r}: a plural form is missing.")
        if not all(_takes_values(form, message) for form in _forms(message)):
            raise InvalidCatalog(f"{_name(path)}:{message.lineno}: {_text_of(message)!r}: write %% for a percent sign.")
    output = BytesIO()
    write_mo(output, catalog)
    path.with_suffix(".mo").write_bytes(output.getvalue())
    return sum(is_translated(message) and not message.fuzzy for message in _messages(catalog)), len(catalog)


def read(path: Path) -> StableCatalog:
    """Read a .po file.

    Raises:
        InvalidCatalog: if it is not a .po file of a locale that exists.
    """
    locale = read_locale(path.parents[1])
    try:
        with path.open("rb") as file:
            found = read_po(file, locale, abort_invalid=True)
    except PoFileError as error:
        raise InvalidCatalog(f"{_name(path)}:{error.lineno}: can't read {error.line.strip()!r}.") from error
    except (UnicodeDecodeError, ValueError) as error:
        raise InvalidCatalog(f"{_name(path)}: {error}.") from error
    catalog = new_catalog(path.parents[3].relative_to(ROOT).as_posix(), locale)
    for message in _messages(found):
        catalog[message.id] = message
    return catalog


def is_translated(message: Message) -> bool:
    """Return whether each form of a text is translated."""
    return all(_forms(message))


def _forms(message: Message) -> list[str]:
    """Return the translation, or one for each plural form."""
    string = message.string or ""
    return [string] if isinstance(string, str) else [*string]


def _takes_values(form: str, message: Message) -> bool:
    """Return whether the values of a text can be inserted into its translation, as app/i18n.py does."""
    names = re.findall(r"%\((\w+)\)", str(message.id))
    if not (names or message.pluralizable or "%%" in form):
        return True  # there are none
    try:
        form % dict.fromkeys([*names, "num"], 0)
    except (LookupError, TypeError, ValueError):
        return False
    return True


def _others(path: Path, locale: Locale) -> list[Path]:
    """List the other parts' files, whose translations of the same text are used at run time, too."""
    return [file for file in list_files() if file.parents[1].name == str(locale) and file != path]


def _messages(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def _features() -> list[Path]:
    return sorted(path.parent for path in (ROOT / "app" / "features").glob("*/__init__.py"))


def _write(path: Path, catalog: StableCatalog) -> None:
    output = BytesIO()
    write_po(output, catalog, width=100, include_lineno=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(output.getvalue().rstrip(b"\n") + b"\n")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _text_of(message: Message) -> str:
    return str(message.id if isinstance(message.id, str) else message.id[0])


def _lower(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]
