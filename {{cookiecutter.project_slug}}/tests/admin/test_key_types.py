"""Primary keys that aren't UUIDs: generated integers, and texts and years that people enter."""

import csv
import io
import re
from html import unescape
from importlib import import_module
from typing import Any
from urllib.parse import quote_plus

import pytest
from fastapi import Request
from sqlalchemy import MetaData, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from starlette.testclient import TestClient

from app.admin.base.default_view import default_view
from app.admin.base.model_view import ModelView
from app.admin.base.permissions import GuardedView
from app.database.base import Base
from app.database.keys import CompositeKey
from tests.admin.browser import csrf_token, export, listed_ids, page_text, run_action, run_row_action, save
from tests.admin.factories import add_row
from tests.admin.import_helpers import import_errors, import_file
from tests.support import in_database

STRANGE = 'a/b?c=1&d, "é" #%\\ (x)..y'
INVALID_NUMBERS = ["0", "-1", "+1", "01", " 1", "1.0", "1e3", "\u0661", "junk", str(2**31), str(2**80), "9" * 5000]


def atlas() -> Any:
    """Return the module with the models. It can be imported once an app has the feature."""
    return import_module("app.features.atlas.models")


def add_country(library: TestClient, code: str, name: str = "") -> Any:
    """Insert a country."""
    return add_row(library, atlas().Country(code=code, name=name or f"Land of {code}"))


def add_city(library: TestClient, name: str, **values: Any) -> Any:
    """Insert a city."""
    return add_row(library, atlas().City(name=name, **values))


def stored(library: TestClient, model: str) -> list[Any]:
    """Return all rows of a model."""
    kind = getattr(atlas(), model)

    async def read(session: AsyncSession) -> list[Any]:
        return list(await session.scalars(select(kind).order_by(*kind.__table__.primary_key)))

    return in_database(library, read)


def links_in(page: str, path: str) -> list[str]:
    """Return the links to this path, as a browser follows them."""
    return [unescape(link) for link in re.findall(rf'href="({re.escape(path)}\?pk=[^"]*)"', page)]


@pytest.mark.parametrize("code", ["DE", "007", STRANGE])
def test_row_with_a_text_as_key(library: TestClient, code: str) -> None:
    page = f"pk={quote_plus(code)}"

    created = save(library, "/admin/country/create", code=code, name="Here")
    changed = save(library, f"/admin/country/edit?{page}", name="There")
    shown = library.get(f"/admin/country/detail?{page}")

    assert (created.status_code, changed.status_code, shown.status_code) == (303, 303, 200)
    assert [(row.code, row.name) for row in stored(library, "Country")] == [(code, "There")]
    assert "Record created" in page_text(shown)
    assert "Here → There" in re.sub(r"\s+", " ", page_text(shown))
    for link in links_in(library.get("/admin/country/list").text, "/admin/country/detail"):
        assert library.get(link).status_code == 200
    deleted = run_row_action(library, "country", "delete", code)
    assert deleted.status_code == 200
    assert stored(library, "Country") == []


def test_row_with_a_generated_integer_as_key(library: TestClient) -> None:
    created = save(library, "/admin/river/create", name="Rhein")
    (river,) = stored(library, "River")
    changed = save(library, f"/admin/river/edit?pk={river.id}", name="Rhine")

    assert (created.status_code, changed.status_code) == (303, 303)
    assert 'name="id"' not in library.get("/admin/river/create").text
    assert [(row.id, row.name) for row in stored(library, "River")] == [(1, "Rhine")]
    assert library.get("/admin/river/detail?pk=1").status_code == 200
    assert run_row_action(library, "river", "delete", 1).status_code == 200
    assert stored(library, "River") == []


def test_row_with_an_entered_integer_as_key(library: TestClient) -> None:
    created = save(library, "/admin/census/create", year="1890", population="5")
    changed = save(library, "/admin/census/edit?pk=1890", population="6")
    taken = save(library, "/admin/census/create", year="1890", population="7")
    huge = save(library, "/admin/census/create", year=str(2**80), population="8")

    assert [response.status_code for response in (created, changed, taken, huge)] == [303, 303, 422, 422]
    assert "This value is already in use." in page_text(taken)
    assert [(row.year, row.population) for row in stored(library, "Census")] == [(1890, 6)]


def test_malformed_key_is_not_found(library: TestClient) -> None:
    add_country(library, "DE")
    paths = [f"river/{page}?pk={key}" for page in ("detail", "edit") for key in INVALID_NUMBERS]
    paths += [f"country/{page}?pk={key}" for page in ("detail", "edit") for key in ("", "%FF", "x" * 5000)]

    assert {path: library.get(f"/admin/{path}").status_code for path in paths} == dict.fromkeys(paths, 404)
    for key in INVALID_NUMBERS[:-1]:
        assert library.get(f"/admin/_api/river/relation-lookup?pks={key}").json()["items"] == []
        refused = library.get(f"/admin/city/list?filter=capital__is%3D{quote_plus(key)}")
        assert refused.status_code == (200 if key in {"0", "-1"} else 400)
        assert run_action(library, "river", "delete", key).status_code == 200


def test_entered_key_is_required_unique_and_kept(library: TestClient) -> None:
    add_country(library, "DE")

    empty = save(library, "/admin/country/create", code=" ", name="Nowhere")
    taken = save(library, "/admin/country/create", code="DE", name="Other")
    long = save(library, "/admin/country/create", code="x" * 81, name="Long")
    changed = save(library, "/admin/country/edit?pk=DE", code="FR", name="Land")

    assert [response.status_code for response in (empty, taken, long, changed)] == [422, 422, 422, 303]
    assert "This field is required" in page_text(empty)
    assert "This value is already in use." in page_text(taken)
    assert [(row.code, row.name) for row in stored(library, "Country")] == [("DE", "Land")]


def test_list_is_sorted_searched_and_changed_by_key(library: TestClient) -> None:
    for number in range(30):
        add_row(library, atlas().River(name=f"River {number}"))
    for code in ("FR", "X/b?c=1&d", "DE"):
        add_country(library, code)

    newest = [str(number) for number in range(30, 0, -1)]
    assert listed_ids(library, "river") + listed_ids(library, "river", page=2) == newest
    assert listed_ids(library, "river", q="River 7") == ["8"]
    assert [unescape(key) for key in listed_ids(library, "country")] == ["DE", "FR", "X/b?c=1&d"]
    assert [unescape(key) for key in listed_ids(library, "country", sort="code__desc")] == ["X/b?c=1&d", "FR", "DE"]
    assert run_action(library, "river", "delete", 1, 2).status_code == 200
    assert run_action(library, "country", "delete", "X/b?c=1&d", "DE").status_code == 200
    assert len(stored(library, "River")) == 28
    assert [row.code for row in stored(library, "Country")] == ["FR"]


def test_references_are_picked_shown_and_filtered(library: TestClient) -> None:
    add_country(library, STRANGE, name="Strangeland")
    river, capital = add_row(library, atlas().River(name="Rhine")), add_city(library, "Bonn")
    assert river.id == capital.id

    fields = {"name": "Köln", "country": STRANGE, "capital": "1", "rivers": ["1"], "founded_at": "2026-01-01 00:00"}
    created = save(library, "/admin/city/create", fields)

    assert created.status_code == 303, page_text(created)
    picked = library.get("/admin/_api/country/relation-lookup", params={"q": "strange"}).json()["items"]
    assert [(item["code"], item["_meta"]["key"]) for item in picked] == [(STRANGE, STRANGE)]
    page, form = library.get("/admin/city/detail?pk=2").text, page_text(library.get("/admin/city/edit?pk=2"))
    (link,) = links_in(page, "/admin/country/detail")
    assert library.get(link).status_code == 200
    assert library.get(*links_in(page, "/admin/river/detail")).status_code == 200
    assert [form.count(name) for name in ("Strangeland", "Bonn", "Rhine")] == [1, 1, 1]
    quoted = STRANGE.replace("\\", "\\\\").replace('"', '\\"')
    assert listed_ids(library, "city", filter=f'country__is="{quoted}"') == ["2"]
    both = page_text(library.get("/admin/city/list", params={"filter": "capital__is=1 AND rivers__is=1"}))
    assert "Capital: Is Bonn" in both
    assert "Rivers: Is Rhine" in both
    unknown = save(library, "/admin/city/create", {**fields, "country": "XX", "rivers": ["2", "junk"]})
    assert unknown.status_code == 422
    unchanged = save(library, "/admin/city/edit?pk=2", {**fields, "rivers": ["1"]})
    assert unchanged.status_code == 303
    assert len(stored(library, "City")) == 2


@pytest.mark.any_database
def test_same_key_of_another_model_is_not_visible(library: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    river, capital = add_row(library, atlas().River(name="Secret")), add_city(library, "Bonn")
    save(library, "/admin/city/create", {"name": "Köln", "capital": "1", "founded_at": "2026-01-01 00:00"})
    in_database(library, lambda s: s.execute(atlas().cities_rivers.insert(), [{"city_id": 2, "river_id": 1}]))

    def visible(self: GuardedView, _: Request, rows: Select[Any]) -> Select[Any]:
        return rows.where(atlas().River.name != "Secret") if self.model is atlas().River else rows

    monkeypatch.setattr(GuardedView, "visible_rows", visible)

    assert river.id == capital.id
    for page in ("city/list", "city/detail?pk=2", "city/edit?pk=2"):
        text = page_text(library.get(f"/admin/{page}"))
        assert "Secret" not in text
        assert "Bonn" in text
    assert "Secret" not in export(library, "city", "csv").text


def test_log_links_to_the_row_and_back(library: TestClient) -> None:
    save(library, "/admin/country/create", code=STRANGE, name="Strangeland")

    page = library.get(f"/admin/country/detail?pk={quote_plus(STRANGE)}").text
    (log,) = re.findall(r'href="[^"]*(/admin/event/list\?filter=[^"]+)"', page)
    events = library.get(unescape(log))

    assert events.status_code == 200
    (link,) = links_in(events.text, "/admin/country/detail")
    assert library.get(link).status_code == 200


def test_inline_rows_have_entered_keys(library: TestClient) -> None:
    add_city(library, "Köln")
    page = "/admin/capital/edit?pk=1"
    city = {"name": "Köln", "founded_at": "2026-01-01 00:00"}

    added = save(library, page, {**city, "inlines.airport.0.code": "CGN", "inlines.airport.0.runways": "3"})
    form = library.get(page).text
    row = {"pk": "CGN", "code": "CGN", "runways": "4", "_version": "None"}
    existing = {f"inlines.airport.0.{name}": value for name, value in row.items()}
    changed = save(library, page, {**city, **existing})
    renamed = save(library, page, {**city, **existing, "inlines.airport.0.code": "BER"})

    assert [response.status_code for response in (added, changed, renamed)] == [303, 303, 422]
    assert 'name="inlines.airport.0.pk"' in form
    assert "can't be changed" in page_text(renamed)
    assert [(row.code, row.runways, row.city_id) for row in stored(library, "Airport")] == [("CGN", 4, 1)]
    deleted = save(library, page, {**city, **existing, "inlines.airport.0.DELETE": "1"})
    assert deleted.status_code == 303
    assert stored(library, "Airport") == []


def test_exported_rows_can_be_changed_and_imported(library: TestClient) -> None:
    for code in ("DE", STRANGE):
        add_country(library, code)
    add_row(library, atlas().River(name="Rhine"))
    add_city(library, "Bonn", country_code=STRANGE)
    add_city(library, "Köln", country_code="DE", capital_id=1)
    rows = [*csv.DictReader(io.StringIO(export(library, "capital", "csv").text.removeprefix("\ufeff")))]
    assert [(row["ID"], row["Country id"], row["Capital id"]) for row in rows] == [("2", "DE", "1"), ("1", STRANGE, "")]

    def file(*rows: dict[str, str]) -> str:
        written = io.StringIO()
        writer = csv.DictWriter(written, rows[0])
        writer.writeheader()
        writer.writerows(rows)
        return written.getvalue()

    moved = {**rows[0], "Country": f"Land of {STRANGE}", "Country id": STRANGE, "Rivers": "Rhine", "Rivers id": "1"}
    imported = import_file(library, file(moved, rows[1]), "capital", {"match": "id"})
    unknown = import_file(library, file({**moved, "ID": "3"}, {**rows[1], "ID": "01"}), "capital", {"match": "id"})

    assert imported.json()["rows_updated"] == 1, imported.json()
    assert [row.country_code for row in stored(library, "City")] == [STRANGE, STRANGE]
    assert [row for row, _, _ in import_errors(unknown)] == [2, 3]


def test_rows_with_entered_keys_are_imported(library: TestClient) -> None:
    add_country(library, "DE", "Germany")

    new = import_file(library, f'code,name\nFR,France\n"{STRANGE.replace(chr(34), chr(34) * 2)}",Strange\n', "state")
    again = import_file(library, "code,name\nDE,Deutschland\nAT,Austria\nAT,Österreich\n", "state")
    matched = import_file(library, "code,name\nDE,Deutschland\nCH,Switzerland\n", "state", {"match": "code"})
    moved = import_file(library, "code,name\nXX,France\n", "state", {"match": "name"})
    years = import_file(library, "year,population\n1890,1\n1900,2\n", "count")
    changed = import_file(library, "year,population\n1890,3\n1910,4\nx,5\n", "count", {"match": "year"})

    assert new.json()["rows_created"] == 2
    assert {(row, field) for row, field, _ in import_errors(again)} == {(2, "code"), (4, "code")}
    assert (matched.json()["rows_created"], matched.json()["rows_updated"]) == (1, 1)
    assert [(field, "can't be changed" in text) for _, field, text in import_errors(moved)] == [("code", True)]
    assert years.json()["rows_created"] == 2
    assert [(row, field) for row, field, _ in import_errors(changed)] == [(4, "year")]
    assert {(row.code, row.name) for row in stored(library, "Country")} == {
        ("DE", "Deutschland"),
        ("FR", "France"),
        ("CH", "Switzerland"),
        (STRANGE, "Strange"),
    }


def test_rows_of_a_file_refer_to_each_other(library: TestClient) -> None:
    content = "id,name,capital_id\n7,Bonn,\n8,Köln,7\n"

    imported = import_file(library, content, "capital")

    assert imported.json()["rows_created"] == 2, imported.json()
    bonn, koeln = sorted(stored(library, "City"), key=lambda row: str(row.name))
    assert koeln.capital_id == bonn.id


@pytest.mark.any_database
def test_title_wins_over_the_key_of_another_row(library: TestClient) -> None:
    add_city(library, "2")
    add_city(library, "Second")

    imported = import_file(library, "name,capital\nNew,2\n", "capital")
    by_id = import_file(library, "name,capital_id\nNewer,2\n", "capital")

    assert (imported.json()["rows_created"], by_id.json()["rows_created"]) == (1, 1)
    assert [row.capital_id for row in stored(library, "City")] == [None, None, 1, 2]


def test_dashboard_counts_rows_per_day(library: TestClient) -> None:
    add_city(library, "Köln")

    shown = library.get("/admin/")

    assert shown.status_code == 200
    assert re.search(r"New cities\s+1\b", page_text(shown))


def test_all_rows_of_a_filtered_list_are_exported_and_deleted(library: TestClient) -> None:
    for number in range(250):
        add_row(library, atlas().Country(code=f"C {number}", name=f"Land {number}"))

    everything = {"csrftoken": csrf_token(library), "format": "json", "scope": "selected"}
    exported = library.post("/admin/_api/country/action?name=export&all=1&_list_query=q%3DLand", data=everything)
    header = {"X-CSRFToken": csrf_token(library)}
    library.post("/admin/_api/country/action?name=delete&all=1&_list_query=q%3DLand%202", headers=header)

    assert {row["code"] for row in exported.json()} == {f"C {number}" for number in range(250)}
    assert len(exported.json()) == 250
    assert len(stored(library, "Country")) == 250 - 61


class Stay(Base):
    """A model with a composite key."""

    __tablename__ = "stays"
    metadata = MetaData()

    guest: Mapped[int] = mapped_column(primary_key=True)
    night: Mapped[int] = mapped_column(primary_key=True)


@pytest.mark.any_database
def test_view_of_a_composite_key_is_rejected(library: TestClient) -> None:
    assert library.get("/admin/visit/list").status_code == 404  # no default view
    message = r"Stay has a composite primary key \(guest, night\), but needs a single one\. Derive it from `Record`"

    with pytest.raises(CompositeKey, match=message):
        type("StayView", (ModelView,), {"model": Stay, "fields": ("guest",)})()
    with pytest.raises(CompositeKey, match=message):
        default_view(Stay)
