"""CSV files for imports: tables survive a round trip, other bytes are rejected."""

import csv
import io
import sys
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.baking import PROJECT

NAMES = st.lists(
    st.text("abcxyz_ ÄßЖ日😀\"';,\t=", min_size=1, max_size=8).map(str.strip).filter(bool),
    min_size=1,
    max_size=5,
    unique=True,
)
CELLS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")
    | st.sampled_from("'=+-@;,\t\"\n "),
    max_size=20,
)
FORMULAS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20\ufe63\ufe66\ufe62\ufe6b")
PRICES = st.decimals("-999999999999", "999999999999", places=2)


@pytest.fixture(scope="module")
def admin() -> Iterator[tuple[Any, Any]]:
    """Return the project's modules that parse files and cells, which need only Babel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT))
        yield import_module("app.admin.files.csv_files"), import_module("app.admin.files.formats")
    for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
        del sys.modules[name]


@given(
    names=NAMES,
    data=st.data(),
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_table_survives_a_round_trip(  # noqa: PLR0913, PLR0917 - what differs in files
    admin: tuple[Any, Any],
    names: list[str],
    data: st.DataObject,
    delimiter: str,
    encoding: str,
    end: str,
) -> None:
    assume(len(names) > 1 or delimiter == ",")  # the delimiter is detected in the first line
    cells = st.lists(CELLS, min_size=len(names), max_size=len(names))
    rows = data.draw(st.lists(cells.filter(lambda row: any(map(str.strip, row))), min_size=1))
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([names, *rows])

    table = admin[0].read_csv(file.getvalue().encode(encoding))

    assert table.names == names
    assert [[*read.cells.values()] for read in table.rows] == rows


@given(
    content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode),
    encoding=st.sampled_from(["", "cp1252"]),
)
@example(content=b"sep=;", encoding="")
@example(content=b"\xff\xfe\x00", encoding="cp1252")
@example(content=b'a\n"', encoding="")
def test_any_bytes_are_parsed_or_rejected(
    admin: tuple[Any, Any], content: bytes, encoding: str
) -> None:
    try:
        table = admin[0].read_csv(content, encoding)
    except admin[0].InvalidFile as error:
        message = str(error)
        assert message.endswith(".")
    else:
        assert all([*row.cells] == table.names for row in table.rows)


@given(text=CELLS | st.text("'=+;a ", max_size=8))
@example(text="'=1")
@example(text="a;=1;'-2")
def test_escaped_text_is_not_a_formula_and_can_be_unescaped(
    admin: tuple[Any, Any], text: str
) -> None:
    escaped = admin[1].escape_formula(text)

    assert admin[1].unescape_formula(escaped) == text
    assert not any(part.lstrip(" ").startswith(FORMULAS) for part in escaped.split(";"))


@given(value=PRICES, style=st.sampled_from(["", "point", "comma"]))
def test_numbers_survive_a_round_trip(admin: tuple[Any, Any], value: Decimal, style: str) -> None:
    written = f"{value:,.2f}" if style else f"{value:.2f}"
    written = written.translate(str.maketrans(",.", ".,")) if style == "comma" else written

    assert admin[1].normalize_number(written, admin[1].ImportFormats(style)) == f"{value:.2f}"


@given(
    moment=st.datetimes(min_value=datetime(1000, 1, 1)),  # noqa: DTZ001 - times in files have no zone
    style=st.sampled_from(["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d"]),
)
def test_dates_survive_a_round_trip(admin: tuple[Any, Any], moment: datetime, style: str) -> None:
    formats = admin[1].ImportFormats("", {"%d/%m/%Y": "dmy", "%m/%d/%Y": "mdy"}.get(style, ""))

    assert admin[1].normalize_date(f"{moment:{style}}", formats) == f"{moment:%Y-%m-%d}"
    read = admin[1].normalize_datetime(f"{moment:{style} %H:%M:%S.%f}", formats)
    assert datetime.fromisoformat(read) == moment
