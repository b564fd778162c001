"""Request schemas for sign-up, verification, password and email changes."""

from pydantic import Field, SecretStr

from app.accounts.schemas import DisplayName, Email
from app.api.schemas import ResponseSchema, Schema

_PASSWORD_LENGTH = 4096


class SignUp(Schema):
    """A new account."""

    email: Email
    password: SecretStr = Field(max_length=_PASSWORD_LENGTH)
    display_name: DisplayName = ""


class EmailAddress(Schema):
    """Email address to send to."""

    email: Email


class EmailedToken(Schema):
    """Token from an emailed link (its last path segment)."""

    token: str = Field(pattern=r"^[A-Za-z0-9_-]{1,200}$")


class EmailVerification(EmailedToken):
    """Verification token, and the password chosen at sign-up to keep it."""

    password: SecretStr | None = Field(default=None, max_length=_PASSWORD_LENGTH)


class PasswordReset(EmailedToken):
    """Reset token and new password."""

    password: SecretStr = Field(max_length=_PASSWORD_LENGTH)


class PasswordChange(Schema):
    """Current and new password."""

    current_password: SecretStr = Field(max_length=_PASSWORD_LENGTH)
    new_password: SecretStr = Field(max_length=_PASSWORD_LENGTH)
    keep_api_keys: bool = False
    """Keep your API keys. By default they are revoked."""


class Accepted(ResponseSchema):
    """Confirmation message; the same whether or not the address is registered."""

    detail: str
