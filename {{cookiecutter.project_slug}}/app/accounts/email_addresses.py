"""Validate and normalize email addresses."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

from app.errors import InvalidRequest


class InvalidEmail(InvalidRequest):
    """Invalid email address."""

    title = "Invalid email address"


def normalize_email(email: str) -> str:
    """Return the unique form of an address: `Ada@Example.com` and `ada@example.com` are the same account."""
    return unicodedata.normalize("NFKC", email).strip().casefold()


def parse_email(email: str) -> str:
    """Return the address to send email to; only its syntax is checked.

    It is NFKC-normalized like `normalize_email`. Otherwise, signing up with an unusual spelling would divert emails
    from the owner of the plain address.

    Raises:
        InvalidEmail: when the syntax is invalid.
    """
    try:
        spelled = unicodedata.normalize("NFKC", email).strip()
        return validate_email(spelled, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise InvalidEmail(str(error)) from error
