"""Diff of a changed record as JSON for the audit log, without secrets; users are referenced by ID only.

{"title": {"old": "Milk", "new": "Bread"}, "tags": {"added": [{"id": "…", "name": "…"}], "removed": []}, "pin_hash": {}}
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from fastapi import Request
from sqlalchemy import Column, inspect
from starlette_admin.contrib.sqla import ModelView
from starlette_admin.fields import RelationField

from app.accounts.models import User
from app.admin.base.fields import in_utc
from app.admin.base.saving import READONLY_FIELDS
from app.admin.base.sensitive_columns import is_sensitive
from app.database.base import Base
from app.database.durations import format_duration
from app.database.keys import key_of
from app.i18n import SOURCE_LOCALE, use_locale

MAX_VALUE_LENGTH = 200
"""Maximum characters of a stored value."""


async def snapshot(view: ModelView, request: Request, row: Base) -> Mapping[str, Any]:
    """Return the values of a row: its columns and, if the view loads them, its references."""
    loaded, mapper = vars(row), inspect(type(row))
    values: dict[str, Any] = {}
    for field in view.fields:
        if isinstance(field, RelationField) and field.name in loaded:
            foreign = view._find_foreign_view(str(field.key))  # noqa: SLF001
            values[field.name] = await _reference(foreign, request, loaded[field.name])
    referenced = {column for name in values for column in mapper.relationships[name].local_columns}
    names = [attribute.key for attribute in mapper.column_attrs if attribute.columns[0] not in referenced]
    return values | {name: loaded[name] for name in names if name in loaded and name not in READONLY_FIELDS}


async def _reference(view: Any, request: Request, rows: Any) -> Any:  # noqa: ANN401
    """Return the ID and title of a row, or a tuple for several. Users have no title: their email must not be stored."""
    if isinstance(rows, list):
        return tuple([await _reference(view, request, row) for row in rows])
    if rows is None or isinstance(rows, User):
        return rows and {"id": str(key_of(rows))}
    with use_locale(SOURCE_LOCALE):  # the log has one language
        return {"id": str(key_of(rows)), "name": truncate(await view.repr(rows, request))}


def diff(model: type[Base], before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changed fields."""
    columns = inspect(model).columns
    return {
        name: _change(columns.get(name), before[name], value)
        for name, value in after.items()
        if name in before and before[name] != value
    }


def _change(column: Column[Any] | None, old: Any, new: Any) -> dict[str, Any]:  # noqa: ANN401
    if column is not None and is_sensitive(column):
        return {}
    if isinstance(new, tuple):
        return {"added": [row for row in new if row not in old], "removed": [row for row in old if row not in new]}
    if column is None:
        return {"old": old, "new": new}
    return {"old": _as_json(old), "new": _as_json(new)}


def _as_json(value: Any) -> str | int | None:  # noqa: ANN401
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, datetime):
        value = in_utc(value, "seconds")
    if isinstance(value, timedelta):
        value = format_duration(value)
    return truncate(str(value))


def truncate(text: str) -> str:
    """Truncate text to `MAX_VALUE_LENGTH` characters."""
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 1]}…"
