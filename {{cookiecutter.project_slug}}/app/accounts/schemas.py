"""Request and response schemas of accounts."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, SecretStr, StringConstraints
from pydantic_core import PydanticKnownError

from app.api.field_types import SingleLine
from app.api.schemas import RecordResponse, ResponseSchema, Schema, unset
from app.i18n import available_locales

# Not validated as an email address: an unknown address gets the same response as a wrong password.
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=320, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$"),
]
Password = Annotated[SecretStr, Field(max_length=4096)]
DisplayName = Annotated[str, StringConstraints(max_length=120, strip_whitespace=True), SingleLine]


def _check_locale(locale: str) -> str:
    if locale not in available_locales():
        raise PydanticKnownError("enum", {"expected": " or ".join(available_locales())})
    return locale


LocaleCode = Annotated[str, AfterValidator(_check_locale)]
"""A language that is on offer, such as `pt_BR`."""


class Login(Schema):
    """Sign-in credentials."""

    email: Email
    password: Password


class TokenRefresh(Schema):
    """A refresh token."""

    refresh_token: str = Field(max_length=200)


class PasswordConfirmation(Schema):
    """Your password."""

    password: Password


class AccessToken(ResponseSchema):
    """An access token."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    """Lifetime of the access token in seconds."""


class TokenPair(AccessToken):
    """An access token and a refresh token."""

    refresh_token: str


class SecondFactorRequired(ResponseSchema):
    """Two-factor authentication is required: send the challenge with a code from one of the `methods`."""

    mfa_required: Literal[True]
    challenge: str
    methods: list[str]


class SessionRead(ResponseSchema):
    """A session."""

    id: UUID
    kind: Literal["web", "api"]
    current: bool
    """Whether this is the current session."""
    impersonated: bool
    """Whether an administrator is signed in as you."""
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    """Absolute expiry."""
    ip: str
    user_agent: str


class EventRead(ResponseSchema):
    """An event of your account."""

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
    locale: str | None
    """Language of pages and emails; null for that of the browser."""
    last_login_at: datetime | None


class AccountUpdate(Schema):
    """Fields of your account to update. Omitted fields are unchanged."""

    display_name: DisplayName = unset()
    locale: LocaleCode | None = None
    """Language of pages and emails; null for that of the browser."""
