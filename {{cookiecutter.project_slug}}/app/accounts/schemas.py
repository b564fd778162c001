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
    Field(examples=["ada@example.com"]),
]
Password = Annotated[SecretStr, Field(max_length=4096)]
DisplayName = Annotated[
    str, StringConstraints(max_length=120, strip_whitespace=True), SingleLine, Field(examples=["Ada Lovelace"])
]


def _check_locale(locale: str) -> str:
    if locale not in available_locales():
        raise PydanticKnownError("enum", {"expected": " or ".join(available_locales())})
    return locale


IPText = Annotated[str, Field(examples=["203.0.113.7"])]
LocaleCode = Annotated[str, AfterValidator(_check_locale), Field(examples=["en"])]
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
    """JWT for the header `Authorization: Bearer …`."""
    token_type: Literal["Bearer"]
    """How to use the access token."""
    expires_in: int = Field(examples=[600])
    """Lifetime of the access token in seconds."""


class TokenPair(AccessToken):
    """An access token and a refresh token."""

    refresh_token: str
    """Single-use token for a new pair, at `/auth/token/refresh`."""


class SecondFactorRequired(ResponseSchema):
    """Two-factor authentication is required: send the challenge with a code from one of the `methods`."""

    token_type: Literal["Challenge"]
    """Tells this response from a `Bearer` token."""
    mfa_required: Literal[True]
    """Always true."""
    challenge: str
    """Send it with a code to `/auth/second-factor`."""
    methods: list[str] = Field(examples=[["totp"]])
    """The second factors that can answer."""


class SessionRead(ResponseSchema):
    """A session."""

    id: UUID
    kind: Literal["web", "api"]
    """Where the session signed in: on the web pages or with the API."""
    current: bool
    """Whether this is the current session."""
    impersonated: bool
    """Whether an administrator is signed in as you."""
    created_at: datetime
    """When the session signed in."""
    last_seen_at: datetime
    """When the session last signed in or refreshed its tokens."""
    expires_at: datetime
    """Absolute expiry."""
    ip: IPText
    """IP address of the client then."""
    user_agent: str
    """Name of the browser or client."""


class EventRead(ResponseSchema):
    """An event of your account."""

    id: UUID
    at: datetime
    """When it happened."""
    name: str = Field(examples=["authn_login_success"])
    """The kind of event."""
    session_id: UUID | None
    ip: IPText
    """IP address of the client."""
    user_agent: str
    """Name of the browser or client."""
    data: dict[str, Any]
    """Details, which depend on the kind of event."""


class AccountRead(RecordResponse):
    """Your account."""

    email: str = Field(examples=["ada@example.com"])
    """Your email address."""
    email_verified_at: datetime | None
    """When you verified the email address."""
    display_name: str = Field(examples=["Ada Lovelace"])
    """Your name, as others see it."""
    locale: str | None = Field(examples=["en"])
    """Language of pages and emails; null for that of the browser."""
    last_login_at: datetime | None
    """When you last signed in."""


class AccountUpdate(Schema):
    """Fields of your account to update. Omitted fields are unchanged."""

    display_name: DisplayName = unset()
    locale: LocaleCode | None = None
    """Language of pages and emails; null for that of the browser."""


class JsonWebKey(ResponseSchema):
    """A public key that verifies access tokens (RFC 7517, RFC 7518 §6.2)."""

    kty: Literal["EC"]
    """The key type."""
    crv: Literal["P-256"]
    """The curve."""
    x: str
    """The x coordinate, in base64url."""
    y: str
    """The y coordinate, in base64url."""
    alg: Literal["ES256"]
    """The algorithm of the signatures."""
    use: Literal["sig"]
    """What the key is for: signatures."""
    kid: str
    """ID of the key, as in the header of a token."""


class JsonWebKeySet(ResponseSchema):
    """The public keys that verify access tokens."""

    keys: list[JsonWebKey]
    """The current key, then the previous ones."""
