"""Base classes of request and response schemas."""

from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError

from app.database.constraints import comparisons_of

S = TypeVar("S", bound=BaseModel)


def check_storable(value: Any) -> Any:  # noqa: ANN401 - fields of every type
    """Return the value unchanged if the database can store all strings in it.

    Raises:
        ValueError: a string contains NUL or a lone surrogate.
    """
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("must not contain the NUL character")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("must not contain lone surrogates")
    elif isinstance(value, dict):
        for item in value.items():
            check_storable(item)
    elif isinstance(value, list | tuple):
        for item in value:
            check_storable(item)
    return value


class Schema(BaseModel):
    """Base class of request schemas; rejects unknown fields and strings that can't be stored."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    @field_validator("*")
    @classmethod
    def _reject_unstorable(cls, value: Any) -> Any:  # noqa: ANN401 - fields of every type
        return check_storable(value)


class ResponseSchema(BaseModel):
    """Base class of response schemas."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)


class CamelCaseSchema(Schema):
    """Base class of request schemas whose JSON has names in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class CamelCaseResponse(ResponseSchema):
    """Base class of response schemas whose JSON has names in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class RecordResponse(ResponseSchema):
    """Fields common to all records."""

    id: UUID
    """ID of the record; later records have greater ones."""
    version: int = Field(examples=[1])
    """Number of changes plus one; the `ETag` without its quotes."""
    created_at: datetime
    """When the record was created."""
    updated_at: datetime
    """When the record was last changed."""


def check_comparisons(data: S, model: type[Any]) -> S:
    """Return the data unchanged if it meets the comparisons of a model.

    Call it in a `model_validator(mode="after")`. The database checks them too, and also when only one side is sent.

    Raises:
        ValidationError: names each field whose comparison isn't met.
    """
    errors = [
        InitErrorDetails(
            type=PydanticCustomError("comparison", "{message}", {"message": item.message}),
            loc=(item.field,),
            input=getattr(data, item.field),
        )
        for item in comparisons_of(model)
        if not item.is_met(lambda name: getattr(data, name))
    ]
    if errors:
        raise ValidationError.from_exception_data(type(data).__name__, errors)
    return data


def unset() -> Any:  # noqa: ANN401 - a default for fields of any type
    """Return the default for a field of a PATCH body that can be omitted but not null.

    Get the fields that were sent with `data.model_dump(exclude_unset=True)`.
    """
    return Field(default_factory=lambda: None)


def unwrap_annotation(annotation: Any) -> tuple[Any, bool]:  # noqa: ANN401 - a type or a typing construct
    """Return the type without `Annotated` and `| None`, such as `list`, and whether it is nullable."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return unwrap_annotation(get_args(annotation)[0])
    if origin in {Union, UnionType} and NoneType in get_args(annotation):
        inner, _ = unwrap_annotation(next(part for part in get_args(annotation) if part is not NoneType))
        return inner, True
    return origin or annotation, False
