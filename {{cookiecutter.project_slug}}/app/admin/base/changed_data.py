"""Detect unchanged form fields, so that saving doesn't alter values that forms can't represent exactly.

A form shows times without microseconds, for example, and browsers change line endings. So each field is compared with
what a browser submits if the user doesn't change it.
"""

import re
from collections.abc import Mapping
from typing import Any

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
from app.database.keys import key_column, key_of, parse_keys
from app.i18n import gettext


class SubmittedData(dict[str, Any]):
    """The submitted values of a row, by field name."""

    row: Any = None
    """The edited row."""
    unchanged: frozenset[str] = frozenset()
    """The fields submitted as they were displayed."""


async def detect_unchanged(request: Request, view: Any, data: Mapping[str, Any], row: Any) -> SubmittedData:  # noqa: ANN401
    """Return the submitted values with the names of the unchanged fields."""
    submitted, unchanged = SubmittedData(data), set()
    for field in view.get_fields_list(request) if row is not None else ():
        if field.name in data and not isinstance(field, CollectionField | FileField | ListField):
            value = await field.parse_obj(request, row)
            displayed = await view.serialize_field_value(value, field, request)
            resubmitted = await _resubmitted(request, field, displayed)
            if _comparable(field, resubmitted) == _comparable(field, data[field.name]):
                unchanged.add(field.name)
    submitted.row, submitted.unchanged = row, frozenset(unchanged)
    return submitted


async def _resubmitted(request: Request, field: BaseField, displayed: Any) -> Any:  # noqa: ANN401
    """Return the value that a browser submits if the user doesn't change it."""
    if isinstance(field, JsonField):
        displayed = field.text(displayed)
    texts = displayed if isinstance(displayed, list) else [] if displayed is None else [displayed]
    return await field.parse_input(request, FormData([(field.id, str(text)) for text in texts]))


def _comparable(field: BaseField, value: Any) -> str:  # noqa: ANN401
    """Undo what browsers do to text. 1, 1.0 and true stay different."""
    if isinstance(field, JSONField):
        return repr(value)
    if isinstance(value, list):
        return repr([_comparable(field, item) for item in value])
    if isinstance(value, str):
        one_line = isinstance(field, StringField) and not isinstance(field, TextAreaField)
        value = re.sub(r"\r\n?|\n", "" if one_line else "\n", value)
        value = value.strip() if isinstance(field, EmailField | URLField) else value
    return repr(None if value == "" else value)


async def load_selected_labels(request: Request, view: Any, obj: Any, inlines: list[dict[str, Any]]) -> None:  # noqa: ANN401
    """Load the labels of selected rows for `fields/form/relation.html`, with one query per view."""
    forms = [(view, obj), *((part["inline"], row["obj"]) for part in inlines for row in part["rows"])]
    selected: dict[str, set[str]] = {}
    for form, data in forms:
        for field in form.get_fields_list(request):
            if isinstance(field, RelationField) and data and (value := data.get(field.name)):
                selected.setdefault(str(field.key), set()).update(map(str, value if field.multiple else [value]))
    request.state.selected_labels = {}
    for view_key, texts in selected.items():
        foreign = view._find_foreign_view(view_key)  # noqa: SLF001
        keys = {text: key for text, key in parse_keys(foreign.model, texts).items() if str(key) == text}
        labels = request.state.selected_labels[view_key] = {}
        for row in await foreign.find_by_pks(request, [*keys]) if keys else ():
            labels[str(key_of(row))] = await foreign.select2_selection(row, request)
        if missing := [keys[text] for text in keys.keys() - labels.keys()]:
            column = key_column(foreign.model)
            hidden = await request.state.session.scalars(select(column).where(column.in_(missing)))
            labels |= {str(key): f"<span>{gettext(HIDDEN_LABEL)}</span>" for key in hidden}
