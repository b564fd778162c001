"""What callers send and receive about accounts."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from app.schemas import RecordView, Schema, View, unset

# Whatever it looks like, an address that nobody has is answered like a wrong password.
Email = Annotated[str, StringConstraints(min_length=3, max_length=320, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")]
DisplayName = Annotated[str, StringConstraints(max_length=120, strip_whitespace=True)]


class Login(Schema):
    """An address and its password."""

    email: Email
    password: SecretStr = Field(max_length=4096)


class Refresh(Schema):
    """A refresh token."""

    refresh_token: str = Field(max_length=200)


class TokenPair(View):
    """An access token, and the refresh token that gets the next one."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    """Life of the access token, in seconds."""


class AccountRead(RecordView):
    """Your account."""

    email: str
    email_verified_at: datetime | None
    display_name: str
    last_login_at: datetime | None


class AccountUpdate(Schema):
    """Fields of your account that you may change; absent ones stay."""

    display_name: DisplayName = unset()
