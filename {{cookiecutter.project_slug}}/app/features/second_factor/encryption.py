"""The secret as it is stored: encrypted, and readable for as long as its key is `SECRET_KEY` or a fallback."""

from cryptography.fernet import InvalidToken

from app.settings.keys import KeyRing

_PURPOSE = "totp"


def encrypt_secret(keys: KeyRing, secret: str) -> bytes:
    """Encrypt with the key in force."""
    return keys.encrypt(_PURPOSE, secret.encode())


def decrypt_secret(keys: KeyRing, stored: bytes) -> str | None:
    """Return the secret; none when its key was dropped, which leaves the recovery codes."""
    try:
        return keys.decrypt(_PURPOSE, stored).decode()
    except InvalidToken:
        return None
