"""Request and response schemas of two-factor authentication."""

from typing import Annotated

from pydantic import Field, StringConstraints

from app.api.schemas import ResponseSchema, Schema

Code = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class ChallengeAnswer(Schema):
    """The challenge returned by the login, and a code from your authenticator app or a recovery code."""

    challenge: str = Field(max_length=200)
    code: Code


class CodeEntry(Schema):
    """A code from your authenticator app."""

    code: Code


class SecondFactorRead(ResponseSchema):
    """Status of two-factor authentication and the number of unused recovery codes."""

    enabled: bool
    recovery_codes_left: int


class TotpSetup(ResponseSchema):
    """Secret and otpauth URI for an authenticator app."""

    secret: str
    uri: str


class RecoveryCodes(ResponseSchema):
    """Recovery codes; each works once. Returned only in this response."""

    recovery_codes: list[str]
