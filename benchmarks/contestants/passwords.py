"""Passwords as a generated project stores them, verified in a thread."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

_hasher = PasswordHasher()  # what a hash costs is written in the hash


async def check(password: str, stored: str) -> bool:
    """Return whether the password is correct, without blocking the event loop."""
    return await asyncio.to_thread(check_here, password, stored)


def check_here(password: str, stored: str) -> bool:
    """Return whether the password is correct."""
    try:
        return _hasher.verify(stored, password)
    except VerificationError:
        return False
