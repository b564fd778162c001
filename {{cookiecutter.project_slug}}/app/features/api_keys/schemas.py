"""Request and response schemas of API keys."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticKnownError

from app.accounts.permissions import all_permissions
from app.accounts.schemas import IPText
from app.api.field_types import SingleLine
from app.api.schemas import ResponseSchema, Schema
from app.i18n import gettext_noop

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), SingleLine]


class Access(StrEnum):
    """Access of an API key to its owner's data."""

    READ = gettext_noop("read")
    WRITE = gettext_noop("write")


def _check_scope(scope: str) -> str:
    known = [*Access, *all_permissions()]
    if scope not in known:
        raise PydanticKnownError("enum", {"expected": ", ".join(known)})
    return scope


def _list_scopes(schema: dict[str, Any]) -> None:
    schema["enum"] = [*Access, *all_permissions()]


KeyScope = Annotated[str, AfterValidator(_check_scope), Field(json_schema_extra=_list_scopes)]
"""`read`, `write` or the name of a permission."""


class ApiKeyBase(Schema):
    """Name and lifetime of an API key."""

    name: Name
    """What the key is for."""
    expires_in_days: int = Field(default=90, ge=1, le=366)
    """Lifetime in days."""


class ApiKeyCreate(ApiKeyBase):
    """Name, lifetime and scopes of a new API key."""

    scopes: set[KeyScope] = Field(min_length=1)
    """`read`, `write`, and permissions you have."""


class ApiKeyRead(ResponseSchema):
    """An API key, without its value."""

    id: UUID
    name: str
    """What the key is for."""
    prefix: str = Field(examples=["Kd7mPq2x"])
    """Part of the key that identifies it: `app_PREFIX_…`."""
    scopes: list[str] = Field(examples=[["read"]])
    """`read`, `write`, and permissions."""
    created_at: datetime
    """When the key was created."""
    expires_at: datetime
    """When the key expires."""
    last_used_at: datetime | None
    """When the key was last used, within minutes."""
    last_used_ip: IPText | None
    """IP address of the last request with the key."""


class ApiKeyCreated(ApiKeyRead):
    """A new API key, with its value."""

    key: str = Field(examples=["app_Kd7mPq2x_…"])
    """The key, for the header `Authorization: Bearer …`."""


class ApiKeys(ResponseSchema):
    """Your API keys."""

    items: list[ApiKeyRead]
    """The keys, newest first."""
