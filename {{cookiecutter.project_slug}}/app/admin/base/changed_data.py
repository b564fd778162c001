"""Detect unchanged form fields, so that saving doesn't alter values that forms can't represent exactly.

The texts of a form don't say everything: a time is shown without microseconds, and browsers change line ends. So each
field is compared with what a browser sends back when nobody touches it.
"""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import select
from starlette.datastructures import FormData
from starlette_admin.fields import (
    BaseField,
    CollectionField,
    EmailField,
    FileField,
    JSONField,
    ListField,
    RelationField,
    StringField,
    TextAreaField,
    URLField,
)

from app.admin.base.json_field import JsonField
from app.admin.base.visibility import HIDDEN_LABEL


class SubmittedData(dict[str, Any]):
    """What a form sent for a row, by field."""

    row: Any = None
    """The row that is edited."""
    unchanged: frozenset[str] = frozenset()
    """The fields that were sent as they were shown."""


async def detect_unchanged(request: Request, view: Any, data: Mapping[str, Any], row: Any) -> SubmittedData:  # noqa: ANN401
    """Find out what a form left as it was."""
    entered, unchanged = SubmittedData(data), set()
    for field in view.get_fields_list(request) if row is not None else ():
        if field.name in data and not isinstance(field, CollectionField | FileField | ListField):
            value = await field.parse_obj(request, row)
            untouched = await _sent_back(request, field, await view.serialize_field_value(value, field, request))
            if _comparable(field, untouched) == _comparable(field, data[field.name]):
                unchanged.add(field.name)
    entered.row, entered.unchanged = row, frozenset(unchanged)
    return entered


async def _sent_back(request: Request, field: BaseField, shown: Any) -> Any:  # noqa: ANN401
    if isinstance(field, JsonField):
        shown = field.text(shown)
    texts = shown if isinstance(shown, list) else [] if shown is None else [shown]
    return await field.parse_input(request, FormData([(field.id, str(text)) for text in texts]))


def _comparable(field: BaseField, value: Any) -> str:  # noqa: ANN401
    """Write a value without what browsers do to texts; 1, 1.0 and true are not the same."""
    if isinstance(field, JSONField):
        return repr(value)
    if isinstance(value, list):
        return repr([_comparable(field, one) for one in value])
    if isinstance(value, str):
        one_line = isinstance(field, StringField) and not isinstance(field, TextAreaField)
        value = re.sub(r"\r\n?|\n", "" if one_line else "\n", value)
        value = value.strip() if isinstance(field, EmailField | URLField) else value
    return repr(None if value == "" else value)


async def load_selected_labels(request: Request, view: Any, obj: Any, inlines: list[dict[str, Any]]) -> None:  # noqa: ANN401
    """Find the labels of all chosen rows, for `fields/form/relation.html`: one query for each view."""
    shown = [(view, obj), *((part["inline"], row["obj"]) for part in inlines for row in part["rows"])]
    chosen: dict[str, set[str]] = {}
    for one, data in shown:
        for field in one.get_fields_list(request):
            if isinstance(field, RelationField) and data and (value := data.get(field.name)):
                chosen.setdefault(str(field.key), set()).update(map(str, value if field.multiple else [value]))
    labels = request.state.selected_labels = {}
    for key, ids in chosen.items():
        foreign = view._find_foreign_view(key)  # noqa: SLF001
        known = {one for one in ids if _is_id(one)}
        for row in await foreign.find_by_pks(request, [*known]) if known else ():
            labels[str(row.id)] = await foreign.select2_selection(row, request)
        if missing := [UUID(one) for one in known - labels.keys()]:
            stored = await request.state.session.scalars(select(foreign.model.id).where(foreign.model.id.in_(missing)))
            labels |= {str(one): f"<span>{HIDDEN_LABEL}</span>" for one in stored}


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
