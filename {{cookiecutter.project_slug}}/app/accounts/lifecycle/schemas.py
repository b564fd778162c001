"""What callers send to sign up, to prove an address, and to change a password or an address."""

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
    """An address that a mail is to be sent to."""

    email: Email


class EmailedToken(Schema):
    """The last part of a mailed link."""

    token: str = Field(pattern=r"^[A-Za-z0-9_-]{1,200}$")


class EmailVerification(EmailedToken):
    """The token that proves an address; with the password that was chosen at sign-up, which is then kept."""

    password: SecretStr | None = Field(default=None, max_length=_PASSWORD_LENGTH)


class PasswordReset(EmailedToken):
    """The token of the mail, and the new password."""

    password: SecretStr = Field(max_length=_PASSWORD_LENGTH)


class PasswordChange(Schema):
    """The password in force, and the new one."""

    current_password: SecretStr = Field(max_length=_PASSWORD_LENGTH)
    new_password: SecretStr = Field(max_length=_PASSWORD_LENGTH)
    keep_api_keys: bool = False
    """Whether your API keys go on; they are revoked otherwise."""


class Accepted(ResponseSchema):
    """What will happen, whether or not the address has an account."""

    detail: str
