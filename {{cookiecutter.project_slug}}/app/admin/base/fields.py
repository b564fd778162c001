"""Map columns to starlette-admin fields and default values."""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from enum import Enum
from typing import Any

from markupsafe import Markup
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import JSON, Boolean, Column, ColumnDefault, Double, False_, String, True_
from sqlalchemy import Enum as SQLEnum
from starlette_admin.fields import (
    BaseField,
    BooleanField,
    EnumField,
    FloatField,
    HasOne,
    NumberField,
    TagsField,
    UUIDField,
)

from app.admin.base.durations import DurationField
from app.admin.base.json_field import JsonField
from app.api.schemas import unwrap_annotation
from app.database.column_types import ExactInterval
from app.database.durations import interval_value
from app.database.titles import enum_label


def field_for(column: Column[Any], schema: type[BaseModel] | None) -> BaseField | str:
    """Return the field for a column, or its name if the library's default is fine.

    The library doesn't support doubles, shows lists as JSON, needs an editor for JSON, and shows unknown booleans as
    "No".
    """
    name = column.key
    info = schema.model_fields.get(name) if schema else None
    if info is not None and unwrap_annotation(info.annotation)[0] is list:
        return TagsField(name)
    if isinstance(column.type, JSON):
        return JsonField(name, required=not column.nullable and column.server_default is None)
    if isinstance(column.type, ExactInterval):
        return DurationField(name, required=not column.nullable and column.server_default is None)
    if isinstance(column.type, Boolean) and column.nullable:
        return EnumField(name, choices=[(True, "Yes"), (False, "No")], coerce=_is_true)
    if isinstance(column.type, Double):
        return FloatField(name, required=not column.nullable and column.server_default is None)
    return name


TIME_TEMPLATE = "fields/time.html"
"""Shows a datetime. A view may have a template of its own, which gets text."""

_SHORT = (BooleanField, DurationField, EnumField, FloatField, HasOne, NumberField, UUIDField)
_SHORT_TEXT = 40


def is_short(field: BaseField) -> bool:
    """Return whether a form shows a field beside another one. As on pages, texts of at most 40 characters are short."""
    max_length = getattr(field, "maxlength", None) or _SHORT_TEXT + 1
    return not getattr(field, "multiple", False) and (isinstance(field, _SHORT) or max_length <= _SHORT_TEXT)


def default_title_field(columns: Mapping[str, Column[Any]], key: str) -> str:
    """Return the name of the first text column, or the primary key."""
    texts = {name for name, column in columns.items() if isinstance(column.type, String)}
    return next((n for n, c in columns.items() if n in texts - {key} and not isinstance(c.type, SQLEnum)), key)


def enum_choices(kind: type[Enum]) -> list[tuple[Any, str]]:
    """Return the members of an enum as choices."""
    return [(member.value, enum_label(member.value)) for member in kind]


def column_default(column: Column[Any]) -> object:
    """Return the default of a column as a Python value, or None."""
    default = getattr(column.server_default, "arg", None)
    if isinstance(default, True_ | False_):
        return isinstance(default, True_)
    if isinstance(column.type, ExactInterval) and default is not None:
        return interval_value(str(default))
    if not isinstance(default, str):
        return column.default.arg if isinstance(column.default, ColumnDefault) and column.default.is_scalar else None
    if isinstance(column.type, JSON):
        return json.loads(default)
    return TypeAdapter(column.type.python_type).validate_python(default)


def field_default(field: BaseField) -> Any:  # noqa: ANN401 - a value of any type
    """Return the initial value of a field in an empty form."""
    return field.default() if callable(field.default) else field.default


def in_utc(value: date | time, precision: str = "minutes") -> str:
    """Format a date or time for display. `strftime` may write the year 26 with two digits, which forms can't parse."""
    if isinstance(value, datetime):
        return f"{value.replace(tzinfo=None).isoformat(' ', precision)} UTC"
    return value.isoformat(precision) if isinstance(value, time) else value.isoformat()


def time_tag(value: datetime) -> Markup:
    """Return a `<time>` element in UTC, which `static/admin.js` shows in the time zone of the user."""
    tag = Markup('<time datetime="{}" title="{}">{}</time>')
    return tag.format(value.isoformat(), in_utc(value, "seconds"), in_utc(value))


def _is_true(sent: object) -> bool:
    return str(sent).lower() == "true"
