"""Codes: those of an authenticator app (RFC 6238), and those for who has lost it."""

import hmac
import re
import secrets
from datetime import datetime
from typing import NamedTuple

import pyotp

TIME_STEP_SECONDS = 30
HOW_MANY = 10
"""Recovery codes of one user."""

# No 0 and O, no 1 and I: 32 characters, and so 5 bits each.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

_TOTP = re.compile(r"[0-9]{6}")
_RECOVERY = re.compile(rf"(10|[1-9])-?([{ALPHABET}]{{5}})-?([{ALPHABET}]{{5}})")


class RecoveryEntry(NamedTuple):
    """A recovery code as it was entered: its number, and its secret, which is what is hashed."""

    number: int
    secret: str


def generate_secret() -> str:
    """Return 160 random bits as apps want them: base32."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, email: str, issuer: str) -> str:
    """Return what the QR code says. https://github.com/google/google-authenticator/wiki/Key-Uri-Format"""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def match_time_step(secret: str, entered: str, now: datetime) -> int | None:
    """Return the step of time whose code this is: the present one, or the one before, for clocks and fingers lag."""
    code = _tidy(entered)
    if not _TOTP.fullmatch(code):
        return None
    present = int(now.timestamp()) // TIME_STEP_SECONDS
    totp = pyotp.TOTP(secret, interval=TIME_STEP_SECONDS)
    return next((step for step in (present, present - 1) if hmac.compare_digest(totp.generate_otp(step), code)), None)


def make_recovery_secrets() -> list[str]:
    """Return 50 random bits for each recovery code."""
    return ["".join(secrets.choice(ALPHABET) for _ in range(10)) for _ in range(HOW_MANY)]


def write_recovery_code(number: int, secret: str) -> str:
    """Return the code as people see it: `3-K7M2P-9XQRT`."""
    return f"{number}-{secret[:5]}-{secret[5:]}"


def read_recovery_code(entered: str) -> RecoveryEntry | None:
    """Read a code that people copied by hand: without hyphens, in lowercase letters, with spaces."""
    shape = _RECOVERY.fullmatch(_tidy(entered).upper())
    return RecoveryEntry(int(shape[1]), shape[2] + shape[3]) if shape else None


def _tidy(entered: str) -> str:
    return "".join(entered.split())
