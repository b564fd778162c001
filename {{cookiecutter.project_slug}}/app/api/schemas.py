"""Base classes of request and response schemas."""

from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator


def check_storable(value: Any) -> Any:  # noqa: ANN401 - fields of every type
    """Validate that strings can be stored in the database.

    Raises:
        ValueError: when there is.
    """
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("must not contain the NUL character")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("must not contain lone surrogates")
    elif isinstance(value, dict):
        for pair in value.items():
            check_storable(pair)
    elif isinstance(value, list | tuple):
        for item in value:
            check_storable(item)
    return value


class Schema(BaseModel):
    """Base class of request schemas; rejects unknown fields and strings that can't be stored."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*")
    @classmethod
    def _refuse_unstorable(cls, value: Any) -> Any:  # noqa: ANN401 - fields of every type
        return check_storable(value)


class ResponseSchema(BaseModel):
    """Base class of response schemas."""

    model_config = ConfigDict(from_attributes=True)


class RecordResponse(ResponseSchema):
    """Fields common to all records."""

    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime


def unset() -> Any:  # noqa: ANN401 - stands for a value of any type
    """Return the default of a field in a PATCH body: absent means unchanged, and null is not a value.

    Read what was sent with `data.model_dump(exclude_unset=True)`.
    """
    return Field(default_factory=lambda: None)


def unwrap_annotation(annotation: Any) -> tuple[Any, bool]:  # noqa: ANN401 - a type, or what typing makes of some
    """Return what a field is below `Annotated` and `| None`, such as `list`, and whether it may be null."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return unwrap_annotation(get_args(annotation)[0])
    if origin in {Union, UnionType} and NoneType in get_args(annotation):
        kind, _ = unwrap_annotation(next(part for part in get_args(annotation) if part is not NoneType))
        return kind, True
    return origin or annotation, False
