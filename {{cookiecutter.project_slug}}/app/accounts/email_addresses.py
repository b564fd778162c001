"""Validate and normalize email addresses."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

from app.errors import InvalidRequest
from app.i18n import SOURCE_LOCALE, current_locale, gettext


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
        raise InvalidEmail(_reason(error)) from error


def _reason(error: EmailNotValidError) -> str:
    """Return why an address is invalid. The library's reasons are in English."""
    if current_locale() == SOURCE_LOCALE:
        return str(error)
    return gettext("Enter a valid email address, such as ada@example.com.")
