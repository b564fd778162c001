"""Time-based one-time passwords of authenticator apps (RFC 6238)."""

import hmac
import re
from datetime import datetime

import pyotp

TIME_STEP_SECONDS = 30

_CODE = re.compile(r"[0-9]{6}")


def generate_secret() -> str:
    """Generate a secret of 160 random bits, in base32."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, email: str, issuer: str) -> str:
    """Return the URI to show as a QR code. https://github.com/google/google-authenticator/wiki/Key-Uri-Format"""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def match_time_step(secret: str, entered: str, now: datetime) -> int | None:
    """Return the time step that the code belongs to: the current or the previous one, to allow for delays."""
    code = "".join(entered.split())
    if not _CODE.fullmatch(code):
        return None
    current = int(now.timestamp()) // TIME_STEP_SECONDS
    totp = pyotp.TOTP(secret, interval=TIME_STEP_SECONDS)
    return next((step for step in (current, current - 1) if hmac.compare_digest(totp.generate_otp(step), code)), None)
