"""Devices that someone has signed in with before: a signed cookie names the account and the device."""

import hmac
import secrets

from app.accounts.models import User
from app.settings.keys import KeyRing


def issue_device_cookie(keys: KeyRing, user: User) -> str:
    """Return the cookie of a device that is new to this user's account."""
    named = f"{user.id.hex}.{secrets.token_urlsafe(16)}"
    return f"{named}.{keys.digest('device', named).hex()}"


def verify_device_cookie(keys: KeyRing, user: User | None, cookie: str | None) -> str | None:
    """Return what names the device, when the cookie is ours and for this user's account."""
    named, _, mac = (cookie or "").rpartition(".")
    if user is None or not named.startswith(f"{user.id.hex}."):
        return None
    signed = [hmac.compare_digest(digest.hex().encode(), mac.encode()) for digest in keys.digests("device", named)]
    return named if any(signed) else None
