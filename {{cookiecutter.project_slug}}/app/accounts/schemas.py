"""What callers send and receive about accounts."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, SecretStr, StringConstraints

from app.api.field_types import SingleLine
from app.api.schemas import RecordResponse, ResponseSchema, Schema, unset

# Whatever it looks like, an address that nobody has is answered like a wrong password.
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=320, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$"),
]
DisplayName = Annotated[str, StringConstraints(max_length=120, strip_whitespace=True), SingleLine]


class Login(Schema):
    """An address and its password."""

    email: Email
    password: SecretStr = Field(max_length=4096)


class TokenRefresh(Schema):
    """A refresh token."""

    refresh_token: str = Field(max_length=200)


class PasswordConfirmation(Schema):
    """Your password."""

    password: SecretStr = Field(max_length=4096)


class AccessToken(ResponseSchema):
    """An access token."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    """Life of the access token, in seconds."""


class TokenPair(AccessToken):
    """An access token, and the refresh token that gets the next one."""

    refresh_token: str


class SecondFactorRequired(ResponseSchema):
    """The password was right; send a code of one of the `methods`, with the challenge, to sign in."""

    mfa_required: Literal[True]
    challenge: str
    methods: list[str]


class SessionRead(ResponseSchema):
    """A place where you are signed in."""

    id: UUID
    kind: Literal["web", "api"]
    current: bool
    """Whether this request came from it."""
    impersonated: bool
    """Whether it is an administrator who is signed in as you."""
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    """When it ends at the latest."""
    ip: str
    user_agent: str


class EventRead(ResponseSchema):
    """Something that happened to your account."""

    id: UUID
    at: datetime
    name: str
    session_id: UUID | None
    ip: str
    user_agent: str
    data: dict[str, Any]


class AccountRead(RecordResponse):
    """Your account."""

    email: str
    email_verified_at: datetime | None
    display_name: str
    last_login_at: datetime | None


class AccountUpdate(Schema):
    """Fields of your account that you may change; absent ones stay."""

    display_name: DisplayName = unset()
