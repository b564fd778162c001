"""Map columns to starlette-admin fields and default values."""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from enum import Enum
from typing import Any

from pydantic import BaseModel, TypeAdapter
from sqlalchemy import JSON, Boolean, Column, ColumnDefault, Double, False_, String, True_
from sqlalchemy import Enum as SQLEnum
from starlette_admin.fields import BaseField, EnumField, FloatField, TagsField

from app.admin.base.json_field import JsonField
from app.api.schemas import unwrap_annotation


def field_for(column: Column[Any], schema: type[BaseModel] | None) -> BaseField | str:
    """Return the field for a column, or its name where the library chooses well.

    It knows no doubles, shows a list as JSON, edits JSON as a tree, and takes "not known" for "no".
    """
    name = column.key
    known = schema.model_fields.get(name) if schema else None
    if known is not None and unwrap_annotation(known.annotation)[0] is list:
        return TagsField(name)
    if isinstance(column.type, JSON):
        return JsonField(name, required=not column.nullable and column.server_default is None)
    if isinstance(column.type, Boolean) and column.nullable:
        return EnumField(name, choices=[(True, "Yes"), (False, "No")], coerce=_is_true)
    if isinstance(column.type, Double):
        return FloatField(name, required=not column.nullable and column.server_default is None)
    return name


def default_title_field(columns: Mapping[str, Column[Any]]) -> str:
    """Return the column that names a row: the first text, or its key."""
    texts = (n for n, one in columns.items() if isinstance(one.type, String) and not isinstance(one.type, SQLEnum))
    return next(texts, "id")


def enum_choices(kind: type[Enum]) -> list[tuple[Any, str]]:
    """Return what can be chosen, in words: IN_PRINT is "In print"."""
    return [(member.value, member.name.replace("_", " ").capitalize()) for member in kind]


def column_default(column: Column[Any]) -> object:
    """Return what the database gives to a new row that says nothing, as a value of Python."""
    given = getattr(column.server_default, "arg", None)
    if isinstance(given, True_ | False_):
        return isinstance(given, True_)
    if not isinstance(given, str):
        return column.default.arg if isinstance(column.default, ColumnDefault) and column.default.is_scalar else None
    if isinstance(column.type, JSON):
        return json.loads(given)
    return TypeAdapter(column.type.python_type).validate_python(given)


def field_default(field: BaseField) -> Any:  # noqa: ANN401 - a value of any kind
    """Return what a field has in an empty form."""
    return field.default() if callable(field.default) else field.default


def in_utc(value: date | time, precision: str = "minutes") -> str:
    """Write a date or time for people; `strftime` may write the year 26 with two digits, and then no form reads it."""
    if isinstance(value, datetime):
        return f"{value.replace(tzinfo=None).isoformat(' ', precision)} UTC"
    return value.isoformat(precision) if isinstance(value, time) else value.isoformat()


def _is_true(sent: str) -> bool:
    return sent.lower() == "true"
