"""Parse uploaded CSV files, with helpful error messages.

Delimiters (comma, semicolon, tab), line ends, UTF-8 and UTF-16 are detected. Windows-1252 must be selected by the user.
"""

import codecs
import csv
import io
import re
from typing import NamedTuple

from app.formatting import format_number
from app.i18n import gettext, ngettext

MAX_COLUMNS = 100
WINDOWS_1252 = "cp1252"
"""Python's name of Windows-1252, the encoding of non-Unicode files of Excel in Western Europe and America."""
_DELIMITERS = ",;\t"
_DECLARED = re.compile(r'"?sep=([,;\t])"?(?:\r\n?|\n)')  # a line that Excel understands
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class InvalidFile(ValueError):
    """The file is not a valid table. The message is shown to the user."""


class CsvRow(NamedTuple):
    """A row of a CSV file."""

    number: int
    """Row number as in a spreadsheet: the header is row 1."""
    cells: dict[str, str]


class CsvTable(NamedTuple):
    """A parsed CSV file."""

    names: list[str]
    rows: list[CsvRow]


def read_csv(content: bytes, encoding: str = "") -> CsvTable:
    """Parse a CSV file. Empty rows, and empty columns at the end, are skipped.

    Raises:
        InvalidFile: the file is not a valid table.
    """
    text = _decode(content, encoding)
    declared = _DECLARED.match(text)
    text = text[declared.end() :] if declared else text
    delimiter = declared[1] if declared else _sniff(text)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        table = [(number, cells) for number, cells in enumerate(lines, 1) if number == 1 or any(map(str.strip, cells))]
    except csv.Error as error:
        raise InvalidFile(_explain(error, lines.line_num)) from error
    names = _parse_header(_strip_trailing_empty([name.strip() for _, cells in table[:1] for name in cells]))
    if not table[1:]:
        raise InvalidFile(gettext("The file has no rows below the header."))
    rows = [CsvRow(number, _parse_row(number, names, cells)) for number, cells in table[1:]]
    return CsvTable(names, rows)


def _explain(error: csv.Error, line: int) -> str:
    """Return what is wrong. The library's messages are in English."""
    if "field limit" in str(error):
        limit = format_number(csv.field_size_limit())
        return gettext("Line %(line)s has a cell with more than %(limit)s characters.", line=line, limit=limit)
    if "end of data" in str(error):
        return gettext("The last cell starts with a quote that isn't closed.")
    return gettext("Line %(line)s has text after a closing quote. Write a quote inside a cell twice.", line=line)


def _decode(content: bytes, encoding: str) -> str:
    if content.startswith(b"PK\x03\x04"):
        raise InvalidFile(gettext("This is an Excel file, not CSV. Save it as “CSV UTF-8”."))
    try:
        if content.startswith(_UTF_16):
            return content.decode("utf-16")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if encoding == WINDOWS_1252 and error.encoding == "utf-8":
            return content.decode(WINDOWS_1252, "replace")
        line, name = content[: error.start].count(b"\n") + 1, error.encoding.upper()[:6].rstrip("-")
        raise InvalidFile(
            gettext(
                "Line %(line)s is not valid %(encoding)s. Save the file as UTF-8, or choose Windows-1252 if it was "
                "saved by an older version of Excel.",
                line=line,
                encoding=name,
            )
        ) from error


def _sniff(text: str) -> str:
    """Return the most frequent delimiter in the first line, outside quotes."""
    outside = "".join(text[:65_536].partition("\n")[0].partition("\r")[0].split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _strip_trailing_empty(cells: list[str]) -> list[str]:
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _parse_header(names: list[str]) -> list[str]:
    if len(names) > MAX_COLUMNS:
        raise InvalidFile(
            gettext(
                "The file has %(count)s columns. Use at most %(maximum)s.",
                count=format_number(len(names)),
                maximum=MAX_COLUMNS,
            )
        )
    if "" in names:
        raise InvalidFile(gettext("Column %(number)s has no name in the header.", number=names.index("") + 1))
    if duplicate := next((name for index, name in enumerate(names) if name in names[:index]), None):
        raise InvalidFile(gettext("Duplicate column name: %(name)s.", name=duplicate[:80]))
    return names


def _parse_row(number: int, names: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(names):
        cells = cells[: len(names)] + _strip_trailing_empty(cells[len(names) :])
    if len(cells) != len(names):
        raise InvalidFile(
            ngettext(
                "Row %(row)s has %(num)s cell, but the header has %(names)s.",
                "Row %(row)s has %(num)s cells, but the header has %(names)s.",
                len(cells),
                num=format_number(len(cells)),
                row=number,
                names=len(names),
            )
        )
    return dict(zip(names, cells, strict=True))
