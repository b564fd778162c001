"""Any table is imported as previewed, or rejected with the location of the error.

test_fuzz.py copies this file into a project with the resources of `tests/every_field_type.py`.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from app.accounts.models import User
from app.admin.files.formats import escape_formula, unescape_formula
from app.database.durations import format_duration, parse_duration
from app.features.things.models import Thing
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload
from starlette.testclient import TestClient

from tests.admin.test_fuzz import GOOD, NASTY, OPTIONAL, Admin
from tests.support import in_database  # type: ignore[import-not-found]

FEW = settings(
    max_examples=40,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
)
DATES = {"": ["%Y-%m-%d", "%d.%m.%Y"], "dmy": ["%d/%m/%Y"], "mdy": ["%m/%d/%Y"]}
COLUMNS = [*GOOD, *OPTIONAL, "owner"]
NEEDED = [*GOOD, "owner"]

Cell = tuple[str, Any]
"""Text of a cell, and its value."""


class File(NamedTuple):
    """A table, its values, and the options of the import."""

    names: list[str]
    rows: list[list[str]]
    meant: list[dict[str, Any]]
    choices: dict[str, str]


class Importer(Admin):  # type: ignore[misc]
    """A client with a few rows that imports and exports."""

    def __init__(self, client: TestClient, admin: User) -> None:
        super().__init__(client, admin)
        self.client = client
        self.create("label", name="Poetry")

    def send(self, content: bytes, choices: Mapping[str, str], **query: str) -> tuple[int, Any]:
        """Import a file, or preview it."""
        response = self.browser.post(
            "/admin/_api/thing/import",
            params=query,
            data={"format": "csv", **choices},
            files={"file": ("a.csv", content)},
            headers=self.headers,
        )
        assert response.status_code in {200, 400}, response.text
        return response.status_code, response.json()

    def export(self) -> bytes:
        """Return the file of all rows."""
        data = {"csrftoken": self.headers["X-CSRFToken"], "format": "csv", "scope": "page"}
        response = self.browser.post("/admin/_api/thing/action?name=export&pks=", data=data)
        assert response.status_code == 200, response.text
        return bytes(response.content)

    def stored(self) -> dict[UUID, dict[str, Any]]:
        """Return the values of all rows, oldest first."""

        async def read(session: AsyncSession) -> dict[UUID, dict[str, Any]]:
            related = [joinedload(getattr(Thing, name)) for name in ("maker", "above", "owner")]
            rows = await session.scalars(select(Thing).options(*related).order_by(Thing.id))
            return {row.id: {name: _titles(getattr(row, name)) for name in COLUMNS} for row in rows}

        rows: dict[UUID, dict[str, Any]] = in_database(self.client, read)
        return rows

    def delete_imported(self) -> None:
        """Delete the imported rows."""

        async def work(session: AsyncSession) -> None:
            await session.execute(delete(Thing).where(Thing.id != UUID(self.thing)))

        in_database(self.client, work)


def _titles(value: Any) -> Any:  # noqa: ANN401 - of any kind
    """Return a value; rows as their titles."""
    if isinstance(value, list):
        return [_titles(item) for item in value]
    return next(
        (vars(value)[name] for name in ("name", "email") if name in getattr(value, "__dict__", {})),
        value,
    )


def format_number(value: float | Decimal, style: str) -> str:
    """Format a number in the selected style."""
    written = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    styles: dict[str, dict[str, str | int | None]] = {
        "": {",": None},
        "point": {},
        "comma": {",": ".", ".": ","},
    }
    return written.translate(str.maketrans(styles[style]))


def cells(choices: Mapping[str, str]) -> dict[str, st.SearchStrategy[Cell]]:
    """Return cells for each field, with their values."""

    def numbers(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Cell]:
        return values.map(lambda value: (format_number(value, choices["numbers"]), value))

    def times(values: st.SearchStrategy[Any], clock: str) -> st.SearchStrategy[Cell]:
        styles = st.sampled_from(DATES[choices["dates"]])
        return st.tuples(values, styles).map(
            lambda drawn: (drawn[0].strftime(drawn[1] + clock), drawn[0])
        )

    alphabet = "abzAZ '=+-@;,\"09éß€"
    words = st.text(alphabet, max_size=20).map(str.strip).filter(bool)
    several = st.lists(words, min_size=1, max_size=3)
    yes_or_no = {"yes": True, "NO": False, "1": True, "0": False, "x": True, "False": False}
    moments = st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
    known: dict[str, st.SearchStrategy[Cell]] = {
        "name": words.map(lambda text: (escape_formula(text), text)),
        "body": several.map("\n".join).map(lambda text: (escape_formula(text), text)),
        "slug": st.from_regex("[a-z0-9]{1,9}(-[a-z0-9]{1,9})?", fullmatch=True).map(
            lambda t: (t, t)
        ),
        "mail": st.just(("ada@example.com", "ada@example.com")),
        "phone": st.sampled_from(
            [("+43 660 1234567", "+436601234567"), ("+1 (212) 555-0100", "+12125550100")]
        ),
        "site": st.just(("https://example.com/", "https://example.com/")),
        "count": numbers(st.integers(-(2**31), 2**31 - 1)),
        "big": numbers(st.integers(-(2**63), 2**63 - 1)),
        "ratio": numbers(st.integers(-(10**9), 10**9).map(lambda value: value / 64)),
        "price": numbers(st.decimals(-9999, 9999, places=2)),
        "open": st.sampled_from([*yes_or_no.items()]),
        "day": times(st.dates(date(1000, 1, 1)), ""),
        "moment": times(moments, " %H:%M:%S.%f"),
        "hour": st.times().map(lambda value: (value.isoformat(), value)),
        "span": st.timedeltas(timedelta(-999_999), timedelta(999_999)).map(
            lambda value: (format_duration(value), value)
        ),
        "code": st.uuids().map(lambda value: (str(value).upper(), value)),
        "state": st.sampled_from([("draft", "draft"), ("LIVE", "live")]),
        "state1": st.sampled_from([("A+", "A+"), ("A-", "A-"), (".5", ".5")]),
        "words": several.map(lambda texts: (escape_formula(json.dumps(texts)), texts)),
        "numbers": st.lists(st.integers(0, 99), min_size=1).map(
            lambda n: ("\n".join(map(str, n)), n)
        ),
        "facts": st.dictionaries(words, st.none() | st.integers() | words).map(
            lambda v: (escape_formula(json.dumps(v)), v)
        ),
        "maker": st.sampled_from([("Ada", "Ada"), ("", None)]),
        "labels": st.sampled_from(
            [("Poetry\nNovel", ["Novel", "Poetry"]), ("Novel", ["Novel"]), ("", [])]
        ),
        "above": st.just(("", None)),
        "owner": st.just(("admin@example.com", "admin@example.com")),
    }
    return {name: known[name if name in known else name.removesuffix("1")] for name in COLUMNS}


@st.composite
def files(draw: Callable[[st.SearchStrategy[Any]], Any]) -> File:
    """Create a table of things, in random number and date formats."""
    choices = {
        "numbers": draw(st.sampled_from(["", "point", "comma"])),
        "dates": draw(st.sampled_from([*DATES])),
    }
    known = cells(choices)
    names = draw(
        st.permutations([*NEEDED, *draw(st.lists(st.sampled_from(OPTIONAL), unique=True))])
    )
    rows = draw(st.lists(st.tuples(*(known[name] for name in names)), min_size=1, max_size=3))
    return File(
        names,
        [[written for written, _ in row] for row in rows],
        [dict(zip(names, [value for _, value in row], strict=True)) for row in rows],
        choices,
    )


@st.composite
def encoded(
    draw: Callable[[st.SearchStrategy[Any]], Any], file: File
) -> tuple[bytes, dict[str, str]]:
    """Encode it like some spreadsheet."""
    head = [draw(st.sampled_from([name, name.upper(), f" {name}*"])) for name in file.names]
    blank: list[list[str]] = [[] for _ in range(draw(st.integers(0, 1)))]
    more = [""] * draw(st.integers(0, 2))
    text = io.StringIO()
    delimiter, end = draw(st.sampled_from(",;\t")), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([[*head, *more], *([*row, *more] for row in file.rows), *blank])
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    try:
        content = text.getvalue().encode(encoding)
    except UnicodeEncodeError:
        content, encoding = text.getvalue().encode(), "utf-8"
    return content, file.choices | ({"encoding": encoding} if encoding == "cp1252" else {})


odd_texts = st.sampled_from([text for text in NASTY if len(text) < 100_000]) | st.text(max_size=20)


def spoil(data: st.DataObject, file: File) -> int:
    """Replace cells by odd texts, or add a cell, and return the number of changes."""
    count = data.draw(st.integers(0, 3))
    for _ in range(count):
        row = data.draw(st.sampled_from(file.rows))
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(odd_texts)
    if count == 3 and data.draw(st.booleans()):
        file.rows[-1].append("x")
    return count


def items(cell: str) -> list[str]:
    """Parse a list: an item per line, or JSON."""
    texts = (
        json.loads(unescape_formula(cell))
        if cell.startswith("[")
        else unescape_formula(cell).splitlines()
    )
    return sorted(str(text).strip() for text in texts)


READ: dict[type, Callable[[str], Any]] = {
    bool: lambda cell: {"true": True, "false": False}[cell.casefold()],
    datetime: lambda cell: datetime.fromisoformat(cell).replace(tzinfo=UTC),
    date: date.fromisoformat,
    timedelta: parse_duration,
    time: time.fromisoformat,
    dict: json.loads,
    list: items,
    **{kind: kind for kind in (int, float, Decimal, UUID)},
}


def shows(cell: str, value: Any) -> bool:  # noqa: ANN401 - of any kind
    """Return whether the preview shows a value. A normalized value follows an arrow."""
    cell = cell.rpartition(" → ")[2]
    if value is None or value == []:
        return cell.strip() in {"", "null", "[]"}
    if isinstance(value, str):  # spaces, mail addresses and phone numbers are tidied
        if re.fullmatch(r"\+\d{9,}", value):
            return re.sub(r"[^+\d]", "", cell) == value
        return cell.split() == value.split() or cell.strip().casefold() == value.casefold()
    meant = sorted(map(str, value)) if isinstance(value, list) else value
    read = next(READ[kind] for kind in type(value).__mro__ if kind in READ)
    return bool(read(cell) == meant)


def check_errors(file: File, status: int, preview: Any, response: Any) -> None:  # noqa: ANN401
    """Check that the preview and the import report the same errors with their locations."""
    if status == 400:
        assert preview == response
        assert preview["error"].endswith(".")
        return
    assert preview["errors"] == response["errors"] != []
    assert response["rows_created"] == response["rows_updated"] == 0
    wrong = {error["row"] for error in preview["errors"]}
    assert preview["rows_new"] + preview["rows_updated"] + len(wrong) <= len(file.rows)
    for error in preview["errors"]:
        assert 2 <= error["row"] < 2 + len(file.rows), error
        assert error["field"] in file.names, error
        assert error["message"], error


def check_round_trip(site: Importer, choices: Mapping[str, str]) -> None:
    """Import an export: by ID nothing changes, as new rows they have the same values."""
    before, content = site.stored(), site.export()
    _, response = site.send(content, {**choices, "match": "id"})
    assert (response["errors"], response["rows_skipped"]) == ([], len(before)), response
    assert site.stored() == before
    _, response = site.send(content, {})
    assert (response["errors"], response["rows_created"]) == ([], len(before)), response
    added = [row for key, row in site.stored().items() if key not in before]
    for row, was in zip(reversed(added), before.values(), strict=True):  # exported newest first
        assert {name: row[name] for name in COLUMNS if row[name] != was[name]} == {}


@FEW
@given(st.data())
def _tables(site: Importer, data: st.DataObject) -> None:
    site.delete_imported()
    before, file = site.stored(), data.draw(files())
    is_odd = spoil(data, file) > 0
    content, choices = data.draw(encoded(file))

    _, preview = site.send(content, choices, preview="1")
    previewed = site.stored()
    status, response = site.send(content, choices)

    made = [row for key, row in site.stored().items() if key not in before]
    assert previewed == before
    if is_odd and not made:
        check_errors(file, status, preview, response)
        return
    assert (status, response["errors"], response["rows_created"]) == (200, [], len(made)), response
    assert (preview["errors"], preview["rows_new"]) == ([], len(file.rows))
    for row, shown, meant in zip(made, preview["sample"], file.meant, strict=True):
        assert [
            (cell, row[n]) for n, cell in shown["cells"].items() if not shows(cell, row[n])
        ] == []
        assert is_odd or {name: row[name] for name in meant if row[name] != meant[name]} == {}
    check_round_trip(site, choices)


def test_tables_are_imported_as_previewed_or_rejected(client: TestClient, admin: User) -> None:
    _tables(Importer(client, admin))
