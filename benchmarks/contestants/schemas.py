"""Request and response schemas of the apps that use Pydantic."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints

Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class View(BaseModel):
    """Fields of a row."""

    model_config = ConfigDict(from_attributes=True)


class Health(BaseModel):
    """Response of the liveness probe."""

    status: str


class Greeting(BaseModel):
    """A greeting."""

    message: str


class AccountRead(View):
    """The caller."""

    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime
    email: str
    email_verified_at: datetime | None
    display_name: str
    locale: str | None
    last_login_at: datetime | None


class ItemRead(View):
    """An item."""

    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime
    title: str
    body: str


class ItemPage(View):
    """A page of items, newest first."""

    items: list[ItemRead]
    next_cursor: str | None


class ItemCreate(BaseModel):
    """A new item."""

    title: Title
    body: str


class ItemUpdate(BaseModel):
    """A new title."""

    title: Title


class Login(BaseModel):
    """Email address and password."""

    email: str
    password: str


class Token(BaseModel):
    """An access token."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - its kind
