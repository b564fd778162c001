"""The admin in German: texts of this project, of the library and of a feature."""

from decimal import Decimal

import pytest
from fastapi import Request
from starlette.testclient import TestClient
from starlette_admin.fields import EnumField

from app.admin.files.cells import normalize_cell
from app.admin.files.formats import ImportFormats
from app.database import delete_protection
from app.i18n import available_locales, gettext, use_locale
from tests.admin.browser import export, page_text, run_row_action, save
from tests.admin.factories import add_author, add_book, add_row, models
from tests.admin.import_helpers import import_file

pytestmark = pytest.mark.skipif("de" not in available_locales(), reason="there are no German texts")

GERMAN = {"Accept-Language": "de"}


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        ("/admin/", ["Übersicht", "Anmeldungen", "Benutzer", "Abmelden"]),
        ("/admin/user/list", ["Letzte Anmeldung", "Exportieren"]),
        ("/admin/role/create", ["Neu: Rolle", "Berechtigungen", "Speichern und weiter bearbeiten"]),
        ("/admin/event/list", ["Letzte 7 Tage", "Zeitpunkt"]),
    ],
)
def test_pages_are_in_german(browser: TestClient, path: str, texts: list[str]) -> None:
    shown = browser.get(path, headers=GERMAN)

    assert '<html lang="de"' in shown.text
    assert [text for text in texts if text not in shown.text] == []
    assert [text for text in ("Dashboard", "Sign out", "Last sign-in") if f">{text}<" in shown.text] == []
    assert '<html lang="en"' in browser.get(path).text


def test_errors_and_decimal_numbers_are_in_german(library: TestClient) -> None:
    book = add_book(library, "Mine", weight=1.25, price=Decimal("12.5"))
    library.headers |= GERMAN

    shown = page_text(library.get(f"/admin/catalogue/detail?pk={book.id}"))
    conflict = save(library, f"/admin/shelf/edit?pk={book.id}", _version="0")

    assert [number for number in ("1,25", "12,50") if number not in shown] == []
    assert "Jemand anderes hat diesen Eintrag geändert." in page_text(conflict)


@pytest.mark.parametrize("cell", ["Nein", "No", "never"])
def test_choices_in_files_may_also_be_in_english(cell: str) -> None:
    field = EnumField("answer", choices_loader=lambda _: [("always", gettext("Yes")), ("never", gettext("No"))])

    with use_locale("de"):
        found = normalize_cell(Request({"type": "http"}), field, cell, ImportFormats())

    assert found == "never"


def test_files_have_the_same_columns_in_every_language(browser: TestClient) -> None:
    browser.headers |= GERMAN

    assert export(browser, "user", kind="csv").text.splitlines()[0].startswith("\ufeffID,Email,")


def test_errors_of_imports_and_filters_are_in_german(browser: TestClient) -> None:
    browser.headers |= GERMAN

    imported = import_file(browser, "title,body\na\n")
    filtered = browser.get("/admin/sample-note/list", params={"filter": "title__contains=x" + " AND (" * 21})

    assert imported.json() == {"error": "Zeile 2 hat 1 Zelle, die Kopfzeile aber 2."}
    assert "Der Filter ist zu tief verschachtelt." in filtered.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('title\n"a"b\n', "Zeile 2 hat Text nach"),
        ('title\n"a', "Die letzte Zelle beginnt mit"),
        (f"title\n{'x' * 140_000}\n", "Zeile 2 hat eine Zelle mit mehr als 131.072 Zeichen."),
    ],
)
def test_errors_of_csv_files_are_in_german(browser: TestClient, content: str, message: str) -> None:
    browser.headers |= GERMAN

    assert message in import_file(browser, content).json()["error"]


def test_rows_that_keep_another_one_are_named_in_german(library: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    author = add_author(library, "Ada")
    add_row(library, models().Locker(place="Hall", key_hash="0", author_id=author.id))
    texts = {"Locker": "Schließfach", "Author": "Autor"}
    monkeypatch.setattr(delete_protection, "gettext", lambda text: texts.get(text, text))
    library.headers |= GERMAN

    refused = run_row_action(library, "author", "delete", author.id)

    assert '"Ada": 1 Schließfach verweist noch auf dieses Objekt (Autor).' in refused.json()["msg"]
