"""What callers send and receive about API keys."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from app.accounts.permissions import Permission
from app.api.field_types import SingleLine
from app.api.schemas import ResponseSchema, Schema

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), SingleLine]


class Access(StrEnum):
    """What a key may do with what is its owner's."""

    READ = "read"
    WRITE = "write"


class ApiKeyBase(Schema):
    """What a key is called, and how long it lives."""

    name: Name
    expires_in_days: int = Field(default=90, ge=1, le=366)


class ApiKeyCreate(ApiKeyBase):
    """A new key."""

    scopes: set[Access | Permission] = Field(min_length=1)
    """`read`, `write`, and permissions that you have yourself."""


class ApiKeyRead(ResponseSchema):
    """One of your keys; the key itself cannot be read again."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_used_ip: str | None


class ApiKeyCreated(ApiKeyRead):
    """A key that was just made: the only answer that has it."""

    key: str


class ApiKeys(ResponseSchema):
    """All of your keys."""

    items: list[ApiKeyRead]
