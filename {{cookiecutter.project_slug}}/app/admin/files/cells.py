"""Convert cells of imported files to form values: dates, numbers and booleans as spreadsheets write them.

The message for an invalid cell has an example of a valid value.
"""

import json
import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from fastapi import Request
from starlette_admin.fields import (
    BaseField,
    BooleanField,
    DateField,
    DateTimeField,
    EnumField,
    FloatField,
    IntegerField,
    JSONField,
    NumberField,
    TagsField,
    TimeField,
)

from app.admin.files.formats import (
    ImportFormats,
    escape_formula,
    normalize_bool,
    normalize_date,
    normalize_datetime,
    normalize_number,
    normalize_time,
    unescape_formula,
)
from app.i18n import SOURCE_LOCALE, gettext, gettext_noop, use_locale


def format_cell(value: object) -> object:
    """Return a value as a cell of a CSV file: text is escaped, times are in UTC, lists and objects are JSON."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    return escape_formula(value) if isinstance(value, str) else value


def normalize_cell(request: Request, field: BaseField, cell: str, formats: ImportFormats) -> Any:  # noqa: ANN401 - text, or a list
    """Return a cell as a form would send it. Unrecognized text is unchanged: the field rejects it.

    Raises:
        ValueError: the cell is not one of the choices of an enum or a boolean.
    """
    cell = unescape_formula(cell)
    text = re.sub(r"[\u00a0\u202f]", " ", cell).strip()
    if isinstance(field, TagsField):
        return _parse_list(cell)
    if isinstance(field, EnumField):
        lines = text.splitlines() if field.multiple else [text]
        chosen = [_choose(request, field, line) for line in lines]
        return chosen if field.multiple else chosen[0]
    if isinstance(field, BooleanField):
        return normalize_bool(text)
    return _normalize_number(field, text, formats) if isinstance(field, NumberField | FloatField) else cell


def invalid_cell_message(request: Request, field: BaseField, cell: str) -> str:
    """Return the error message for an invalid cell, with an example of a valid one."""
    return gettext("“%(value)s” is invalid.", value=cell[:40]) + f" {_example(request, field)}"


def _example(request: Request, field: BaseField) -> str:
    if isinstance(field, EnumField):
        choices = ", ".join(str(value) for value, _ in _choices(request, field))
        return gettext("Choose one of: %(values)s.", values=choices[:400])
    number = gettext_noop("Enter a number like 1234.50, or choose another number format.")
    examples = {
        BooleanField: gettext_noop("Enter yes or no."),
        TimeField: gettext_noop("Enter a time like 08:30 or 08:30:15."),
        DateField: gettext_noop("Enter a date like 2026-01-31 or 31.01.2026, or choose another date format."),
        DateTimeField: gettext_noop("Enter a date and time like 2026-01-31 08:30, or choose another date format."),
        IntegerField: gettext_noop("Enter a whole number like 1234."),
        NumberField: number,
        FloatField: number,
        JSONField: gettext_noop('Enter JSON, such as {"color": "red"}.'),
    }
    hint = getattr(field, "hint", gettext_noop("Enter the value as in the form."))
    return gettext(next((example for kind, example in examples.items() if isinstance(field, kind)), hint))


def _parse_list(cell: str) -> list[str]:
    """Parse a list, which is JSON or has an item per line."""
    try:
        read = json.loads(cell)
    except ValueError:
        read = None
    return [str(item) for item in read] if isinstance(read, list) else [line for line in cell.splitlines() if line]


def _choices(request: Request, field: EnumField) -> list[tuple[Any, str]]:
    return [*field._get_choices(request)]  # noqa: SLF001


def _choose(request: Request, field: EnumField, text: str) -> str:
    """Return the choice with this value or label, in any case. Labels may also be in English, as those of columns."""
    choices = _choices(request, field)
    if all(isinstance(value, bool) for value, _ in choices):
        text = normalize_bool(text)
    with use_locale(SOURCE_LOCALE):
        english = _choices(request, field)
    known = {str(label).casefold(): value for value, label in [*english, *choices]}
    known |= {str(value).casefold(): value for value, _ in choices}
    if text.casefold() not in known:
        raise ValueError(text)
    return str(known[text.casefold()])


def _normalize_number(field: BaseField, text: str, formats: ImportFormats) -> str:
    """Return a number, date or time; the library's date fields are number fields."""
    if isinstance(field, TimeField):
        return normalize_time(text)
    if isinstance(field, DateTimeField):
        return normalize_date(text, formats) if isinstance(field, DateField) else normalize_datetime(text, formats)
    return normalize_number(text, formats)
