"""Request and response schemas of two-factor authentication."""

from typing import Annotated

from pydantic import Field, StringConstraints

from app.api.schemas import ResponseSchema, Schema

Code = Annotated[str, StringConstraints(min_length=1, max_length=40), Field(examples=["123456"])]


class ChallengeAnswer(Schema):
    """The challenge returned by the login, and a code from your authenticator app or a recovery code."""

    challenge: str = Field(max_length=200)
    """The challenge from the login."""
    code: Code
    """Code from your authenticator app, or a recovery code."""


class CodeEntry(Schema):
    """A code from your authenticator app."""

    code: Code
    """Code from your authenticator app."""


class SecondFactorRead(ResponseSchema):
    """Status of two-factor authentication and the number of unused recovery codes."""

    enabled: bool
    """Whether signing in requires a second factor."""
    recovery_codes_left: int = Field(examples=[10])
    """Number of unused recovery codes."""


class TotpSetup(ResponseSchema):
    """Secret and otpauth URI for an authenticator app."""

    secret: str = Field(examples=["JBSWY3DPEHPK3PXP"])
    """Secret to enter by hand."""
    uri: str = Field(examples=["otpauth://totp/…"])
    """The same as a URI, for a QR code."""


class NewRecoveryCodes(ResponseSchema):
    """Recovery codes; each works once. Returned only in this response."""

    recovery_codes: list[str] = Field(examples=[["1-7K9M2-XTQ3W"]])
    """Codes to sign in without the authenticator app."""
