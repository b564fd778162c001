"""CSV files that people upload: read whole, or refused in words."""

import csv
import io
from typing import NamedTuple

MAX_COLUMNS = 100


class UnreadableFile(ValueError):
    """The file is no table; the message is for the person who sent it."""


class Row(NamedTuple):
    """A row of the file."""

    number: int
    """As a spreadsheet counts: the row of names is the first."""
    cells: dict[str, str]


def read_csv(content: bytes) -> tuple[list[str], list[Row]]:
    """Return the names of the columns, and the rows.

    Raises:
        UnreadableFile: when it is not such a table.
    """
    try:
        text = content.decode("utf-8-sig")  # Excel writes the mark at the beginning
    except UnicodeDecodeError as error:
        raise UnreadableFile("Save the file as UTF-8. It has characters of another encoding.") from error
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = _names([name.strip() for name in next(lines, [])])
        rows = [Row(number, _cells(number, names, cells)) for number, cells in enumerate(lines, 2) if cells]
    except csv.Error as error:
        raise UnreadableFile(f"Line {lines.line_num} cannot be read: {error}.") from error
    if not rows:
        raise UnreadableFile("The file has no rows below the names of the columns.")
    return names, rows


def _names(names: list[str]) -> list[str]:
    if len(names) > MAX_COLUMNS:
        raise UnreadableFile(f"The file has {len(names):,} columns. Use at most {MAX_COLUMNS}.")
    if len({*names}) < len(names):
        raise UnreadableFile("Two columns have the same name.")
    return names


def _cells(number: int, names: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(names):
        raise UnreadableFile(f"Row {number} has {len(cells):,} cells, and the first row has {len(names)}.")
    return dict(zip(names, cells, strict=True))
