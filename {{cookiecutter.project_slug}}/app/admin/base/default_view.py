"""Default views for models without a custom view.

A feature with models and without `admin.py` is in the admin by itself. To begin from what it would get:

    class BookView(DefaultView):
        model = Book
        page_size = 50

An `admin.py` decides alone: `views = []` hides the feature, `views = [default_view(Book)]` shows one of its models.
"""

import importlib
import inspect
from collections.abc import Collection, Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

from fastapi import Request
from pydantic import BaseModel
from sqlalchemy import JSON, Column, Interval, Text
from sqlalchemy.orm import Mapper
from starlette_admin.contrib.sqla.converters import ModelConverter
from starlette_admin.fields import BaseField

from app.admin.base.fields import default_title_field, field_for
from app.admin.base.model_view import ModelView
from app.admin.base.saving import READONLY_FIELDS
from app.admin.base.sensitive_columns import is_sensitive
from app.database.base import UUIDv7Base


class DefaultView(ModelView):
    """Everything of a model but its secrets; what a subclass says itself stays as it says."""

    fields: Sequence[Any] = ()
    related_models: ClassVar[Collection[type] | None] = None
    """The models that can be picked, which need a view; without it, all are taken to have one."""
    hides_required: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401
        """Choose what the subclass leaves open."""
        super().__init_subclass__(**kwargs)
        chosen = _choose(cls.model, cls.related_models)
        for name in chosen.keys() - vars(cls).keys():
            setattr(cls, name, chosen[name])

    def can_create(self, request: Request) -> bool:
        """Refuse it where a hidden column needs a value."""
        return not self.hides_required and super().can_create(request)


def default_view(model: type[Any], related_models: Collection[type] | None = None) -> type[DefaultView]:
    """Make the view of a model."""
    return type(f"{model.__name__}View", (DefaultView,), {"model": model, "related_models": related_models})


def _choose(model: type[UUIDv7Base], related_models: Collection[type] | None) -> dict[str, Any]:
    """Return the attributes of the view."""
    mapper: Mapper[Any] = model.__mapper__
    columns = {
        attribute.key: attribute.columns[0]
        for attribute in mapper.column_attrs
        if isinstance(attribute.columns[0], Column)
    }
    references = {
        relation.key: relation
        for relation in mapper.relationships
        if (relation.direction.name == "MANYTOONE" or relation.secondary is not None)
        and (related_models is None or relation.mapper.class_ in related_models)
    }
    picked = {column for relation in references.values() for column in relation.local_columns if column.foreign_keys}
    hidden = {name for name, column in columns.items() if not _can_be_shown(column)}
    shown = {name: column for name, column in columns.items() if name not in hidden and column not in picked}
    inside = [name for name in shown if name not in READONLY_FIELDS]
    kept = [name for name in ("created_at", "updated_at") if name in shown]
    return {
        "title_field": default_title_field(shown),
        "fields": ("id", *inside, *references, *kept),
        "exclude_fields_from_list": ("id", *(name for name in inside if _is_long(shown[name])), "updated_at"),
        "schema": _schema_of(model, {*inside, *references}),
        "hides_required": any(_is_required(columns[name]) for name in hidden),
    }


def _can_be_shown(column: Column[Any]) -> bool:
    if is_sensitive(column) or isinstance(column.type, Interval):
        return False
    known = ModelConverter().find_converter_for_col_type(type(column.type)) is not None
    return known or isinstance(field_for(column, None), BaseField)


def _is_long(column: Column[Any]) -> bool:
    return isinstance(column.type, JSON | Text)


def _is_required(column: Column[Any]) -> bool:
    return not column.nullable and column.default is None and column.server_default is None


def _schema_of(model: type[Any], fields: Collection[str]) -> type[BaseModel] | None:
    """Return `BookUpdate` of the `schemas.py` beside a Book, unless it needs a field that the form lacks."""
    name = f"{model.__module__.rpartition('.')[0]}.schemas"
    found = getattr(importlib.import_module(name), f"{model.__name__}Update", None) if find_spec(name) else None
    if not (inspect.isclass(found) and issubclass(found, BaseModel)):
        return None
    needed = {field for field, info in found.model_fields.items() if info.is_required()}
    return found if needed <= {*fields} else None
