"""Default views for models without a custom view.

Models of a feature without an `admin.py` get a default view. To customize it:

    class BookView(DefaultView):
        model = Book
        page_size = 50

If a feature has an `admin.py`, only the views in it are shown: `views = []` hides the feature, and
`views = [default_view(Book)]` shows one of its models.
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
from app.database.base import Base
from app.database.keys import is_entered, key_name


class DefaultView(ModelView):
    """A view of all columns except sensitive ones. Attributes of a subclass take precedence."""

    fields: Sequence[Any] = ()
    related_models: ClassVar[Collection[type] | None] = None
    """Models that have a view and can be selected in pickers. None means all models."""
    hides_required: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401
        """Set the attributes that the subclass doesn't define."""
        super().__init_subclass__(**kwargs)
        defaults = _default_attributes(cls.model, cls.related_models)
        for name in defaults.keys() - vars(cls).keys():
            setattr(cls, name, defaults[name])

    def can_create(self, request: Request) -> bool:
        """Deny creation if a hidden column requires a value."""
        return not self.hides_required and super().can_create(request)


def default_view(model: type[Any], related_models: Collection[type] | None = None) -> type[DefaultView]:
    """Create a view for a model."""
    return type(f"{model.__name__}View", (DefaultView,), {"model": model, "related_models": related_models})


def _default_attributes(model: type[Base], related_models: Collection[type] | None) -> dict[str, Any]:
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
    keys = {column for relation in references.values() for column in relation.local_columns if column.foreign_keys}
    hidden = {name for name, column in columns.items() if not _can_be_shown(column)}
    shown = {name: column for name, column in columns.items() if name not in hidden and column not in keys}
    key = key_name(model)
    editable = [name for name in shown if name not in READONLY_FIELDS and name != key]
    timestamps = [name for name in ("created_at", "updated_at") if name in shown]
    return {
        "title_field": default_title_field(shown, key),
        "fields": (key, *editable, *references, *timestamps),
        "exclude_fields_from_list": (
            *(() if is_entered(model) else (key,)),
            *(n for n in editable if isinstance(shown[n].type, JSON | Text)),
            "updated_at",
        ),
        "schema": _find_schema(model, {*editable, *references}),
        "hides_required": any(_is_required(columns[name]) for name in hidden),
    }


def _can_be_shown(column: Column[Any]) -> bool:
    if is_sensitive(column) or isinstance(column.type, Interval):
        return False
    has_converter = ModelConverter().find_converter_for_col_type(type(column.type)) is not None
    return has_converter or isinstance(field_for(column, None), BaseField)


def _is_required(column: Column[Any]) -> bool:
    return not column.nullable and column.default is None and column.server_default is None


def _find_schema(model: type[Any], fields: Collection[str]) -> type[BaseModel] | None:
    """Return the update schema of a model, such as `BookUpdate`, unless the form lacks a required field."""
    name = f"{model.__module__.rpartition('.')[0]}.schemas"
    found = getattr(importlib.import_module(name), f"{model.__name__}Update", None) if find_spec(name) else None
    if not (inspect.isclass(found) and issubclass(found, BaseModel)):
        return None
    required = {field for field, info in found.model_fields.items() if info.is_required()}
    return found if required <= {*fields} else None
