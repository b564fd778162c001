"""Encryption of stored TOTP secrets with a key derived from `SECRET_KEY`."""

from cryptography.fernet import InvalidToken

from app.settings.keys import KeyRing

_PURPOSE = "totp"


def encrypt_secret(keys: KeyRing, secret: str) -> bytes:
    """Encrypt with the current key."""
    return keys.encrypt(_PURPOSE, secret.encode())


def decrypt_secret(keys: KeyRing, stored: bytes) -> str | None:
    """Decrypt with the current or a fallback key; None if no key fits, so only recovery codes work."""
    try:
        return keys.decrypt(_PURPOSE, stored).decode()
    except InvalidToken:
        return None
