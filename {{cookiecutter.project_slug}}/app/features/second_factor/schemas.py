"""Request and response schemas of two-factor authentication."""

from typing import Annotated

from pydantic import Field, StringConstraints

from app.api.schemas import ResponseSchema, Schema

Code = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class ChallengeAnswer(Schema):
    """The challenge that signing in was answered with, and a code of the app or a recovery code."""

    challenge: str = Field(max_length=200)
    code: Code


class CodeEntry(Schema):
    """A code of the authenticator app, or a recovery code."""

    code: Code


class SecondFactorRead(ResponseSchema):
    """Whether signing in asks you for a code, and how many recovery codes you have left."""

    is_enabled: bool
    recovery_codes_left: int


class TotpSetup(ResponseSchema):
    """Secret and otpauth URI for an authenticator app."""

    secret: str
    uri: str


class RecoveryCodes(ResponseSchema):
    """Recovery codes; each works once. Returned only in this response."""

    recovery_codes: list[str]
