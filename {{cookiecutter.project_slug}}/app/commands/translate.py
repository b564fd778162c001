"""`app translate …`: the texts of pages and emails in other languages."""

import sys
from typing import Annotated

import typer
from babel.core import Locale, UnknownLocaleError

from app.commands import catalogs
from app.commands.invocation import say

translate = typer.Typer(no_args_is_help=True)


def add_to(cli: typer.Typer) -> None:
    """Add this group to the command line."""
    cli.add_typer(translate, name="translate", help="Translate the texts of pages and emails.")


@translate.command()
def extract() -> None:
    """Write the texts of each part to its `translations/messages.pot`, for translation tools."""
    for part, texts in _extracted().items():
        path = catalogs.write_template(part, texts)
        say(f"{len(texts):>6}  {path}")


@translate.command()
def update(
    locale: Annotated[
        str | None, typer.Argument(help="Locale to add or update, such as fr or pt_BR [default: all that exist]")
    ] = None,
) -> None:
    """Add new texts to the .po files, and remove those that are no longer used."""
    locales = [_parse(locale)] if locale else catalogs.list_locales()
    if not locales:
        sys.exit("app: there are no translations yet. Add a language with `app translate update fr`.")
    extracted, missing = _extracted(), 0
    for each in locales:
        for part, texts in extracted.items():
            if updated := catalogs.update(part, each, texts):
                path, untranslated = updated
                missing += untranslated
                say(f"{len(texts):>6}  {path}{f' ({untranslated} to translate)' if untranslated else ''}")
    if missing:
        say("Translate each empty msgstr, then run `app translate compile`.")


@translate.command(name="compile")
def compile_catalogs() -> None:
    """Check the .po files, and compile them to the .mo files that the app reads when it starts."""
    paths = catalogs.list_files()
    if not paths:
        sys.exit("app: there are no translations yet. Add a language with `app translate update fr`.")
    for path in paths:
        translated, count = catalogs.compile_file(path)
        say(f"{translated:>6}  {path.relative_to(catalogs.ROOT)}{f' (of {count})' if translated < count else ''}")


def _extracted() -> dict[str, catalogs.StableCatalog]:
    from app.commands import text_extraction  # noqa: PLC0415 - needs the app, which an invalid catalog prevents

    try:
        return text_extraction.extract_texts()
    except text_extraction.InvalidSource as error:
        sys.exit(f"app: {error}")


def _parse(text: str) -> Locale:
    """Return a locale, or exit if there is no such locale."""
    try:
        locale = Locale.parse(text.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        sys.exit(f'app: there is no locale "{text}". Use a language code such as fr, or pt_BR with a country.')
    if locale.language == "en" and locale.territory is None:
        sys.exit("app: English is the language of the source code, so it needs no translation.")
    return locale
