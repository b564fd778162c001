"""Known devices: a signed cookie identifies the account and the device."""

import hmac
import secrets

from app.accounts.models import User
from app.settings.keys import KeyRing


def issue_device_cookie(keys: KeyRing, user: User) -> str:
    """Return a cookie for a new device."""
    device = f"{user.id.hex}.{secrets.token_urlsafe(16)}"
    return f"{device}.{keys.digest('device', device).hex()}"


def verify_device_cookie(keys: KeyRing, user: User | None, cookie: str | None) -> str | None:
    """Return the device ID if the cookie is valid for this user."""
    device, _, mac = (cookie or "").rpartition(".")
    if user is None or not device.startswith(f"{user.id.hex}."):
        return None
    signed = [hmac.compare_digest(digest.hex().encode(), mac.encode()) for digest in keys.digests("device", device)]
    return device if any(signed) else None
