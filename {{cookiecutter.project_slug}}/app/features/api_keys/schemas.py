"""Request and response schemas of API keys."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from app.accounts.permissions import KnownPermission
from app.api.field_types import SingleLine
from app.api.schemas import ResponseSchema, Schema
from app.i18n import gettext_noop

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), SingleLine]


class Access(StrEnum):
    """Access of an API key to its owner's data."""

    READ = gettext_noop("read")
    WRITE = gettext_noop("write")


class ApiKeyBase(Schema):
    """Name and lifetime of an API key."""

    name: Name
    expires_in_days: int = Field(default=90, ge=1, le=366)


class ApiKeyCreate(ApiKeyBase):
    """Name, lifetime and scopes of a new API key."""

    scopes: set[Access | KnownPermission] = Field(min_length=1)
    """`read`, `write`, and permissions you have."""


class ApiKeyRead(ResponseSchema):
    """An API key, without its value."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_used_ip: str | None


class ApiKeyCreated(ApiKeyRead):
    """A new API key, with its value."""

    key: str


class ApiKeys(ResponseSchema):
    """Your API keys."""

    items: list[ApiKeyRead]
