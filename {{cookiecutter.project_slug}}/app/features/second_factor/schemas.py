"""What callers send and receive about the second factor."""

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
    """What an authenticator app needs to know: the secret, or the address that holds it."""

    secret: str
    uri: str


class RecoveryCodes(ResponseSchema):
    """New recovery codes: each works once, and this is the only answer that has them."""

    recovery_codes: list[str]
