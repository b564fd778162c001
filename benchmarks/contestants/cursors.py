"""Keyset pagination: a page starts after the cursor's row, as in a generated project."""

import base64
import json
from uuid import UUID

PAGE = 20


def encode(key: UUID) -> str:
    """Return the cursor of a row."""
    return base64.urlsafe_b64encode(json.dumps([str(key)]).encode()).rstrip(b"=").decode()


def decode(cursor: str) -> UUID:
    """Return the key of a cursor's row."""
    (key,) = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return UUID(key)
