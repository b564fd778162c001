"""Request schemas for sign-up, verification, password and email changes."""

from pydantic import Field

from app.accounts.schemas import DisplayName, Email, Password
from app.api.schemas import ResponseSchema, Schema


class SignUp(Schema):
    """A new account."""

    email: Email
    password: Password
    display_name: DisplayName = ""


class EmailAddress(Schema):
    """Email address to send to."""

    email: Email


class EmailedToken(Schema):
    """Token from an emailed link (its last path segment)."""

    token: str = Field(pattern=r"^[A-Za-z0-9_-]{1,200}$", examples=["zT0bJx3vQ2"])
    """Token from the email."""


class EmailVerification(EmailedToken):
    """Verification token, and the password chosen at sign-up to keep it."""

    password: Password | None = None


class PasswordReset(EmailedToken):
    """Reset token and new password."""

    password: Password


class PasswordChange(Schema):
    """Current and new password."""

    current_password: Password
    new_password: Password
    keep_api_keys: bool = False
    """Keep your API keys. By default they are revoked."""


class Accepted(ResponseSchema):
    """Confirmation message; the same whether or not the address is registered."""

    detail: str = Field(examples=["Check your email."])
    """What to do next."""
