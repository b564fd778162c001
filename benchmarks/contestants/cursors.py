"""Keyset pagination: a page starts after the cursor's row, as in a generated project."""

import base64
from uuid import UUID

PAGE = 20


def encode(key: UUID) -> str:
    """Return the cursor of a row."""
    return base64.urlsafe_b64encode(key.bytes).rstrip(b"=").decode()


def decode(cursor: str) -> UUID:
    """Return the key of a cursor's row."""
    return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
