"""Password hashing with Argon2id, in a thread pool of limited size. The only module that imports passlib.

`passlib` comes from libpass, its maintained fork; never install both.
"""

import asyncio
import os
import secrets
import sys
import threading
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from passlib.context import CryptContext
from passlib.exc import UnknownHashError

from app.errors import InvalidRequest, Unavailable
from app.settings.config import AuthSettings

T = TypeVar("T")

MAX_BYTES = 1024
_LANES = 1
_WAITING_PER_CPU = 32


class PasswordTooLong(InvalidRequest):
    """The password has more than 1,024 bytes; it was not hashed."""

    title = "Password too long"


class HasherOverloaded(Unavailable):
    """Too many password hashes are in progress."""

    title = "Too many concurrent sign-ins"


class PasswordHasher:
    """Hash and verify passwords.

    Each hash takes `AUTH_ARGON2_MEMORY_KIB` of memory, so no more run at once than there are CPUs, and a crowd
    is sent away instead of queued without end.
    """

    def __init__(self, settings: AuthSettings) -> None:
        cpus = os.cpu_count() or 1
        self._context = CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=settings.argon2_memory_kib,
            argon2__time_cost=settings.argon2_time_cost,
            argon2__parallelism=_LANES,
        )
        self._threads = ThreadPoolExecutor(cpus, "hash", initializer=_give_way)
        self._waiting, self._room = 0, cpus * _WAITING_PER_CPU
        self._dummy = _nobodys_hash(settings)

    async def hash(self, password: str) -> str:
        """Return the PHC string to store.

        Raises:
            PasswordTooLong: without hashing.
            HasherOverloaded: when the waiting room is full.
        """
        spelled = normalize_password(password)
        return await self.run_in_thread(lambda: self._context.hash(spelled))

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Return whether the password is right, and what to store instead when `stored` has old parameters.

        Without a stored hash the work is the same, so that the time does not tell whether there is an account.

        Raises:
            HasherOverloaded: when the waiting room is full.
        """
        try:
            spelled = normalize_password(password)
        except PasswordTooLong:
            return False, None
        right, replacement = await self.run_in_thread(lambda: self._verify(spelled, stored or self._dummy))
        return (right, replacement) if stored else (False, None)

    async def run_in_thread(self, work: Callable[[], T]) -> T:
        """Do something as costly as a hash: off the event loop, in the same room.

        Raises:
            HasherOverloaded: when the waiting room is full.
        """
        if self._waiting >= self._room:
            raise HasherOverloaded
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def _verify(self, password: bytes, stored: str) -> tuple[bool, str | None]:
        try:
            return self._context.verify_and_update(password, stored)
        except UnknownHashError:
            return False, None


def _nobodys_hash(settings: AuthSettings) -> str:
    """Make up a hash that takes as long to verify as any other; a real one would take that long at each start."""
    salt, digest = (b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (16, 32))
    costs = f"m={settings.argon2_memory_kib},t={settings.argon2_time_cost},p={_LANES}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _give_way() -> None:
    """Let the event loop's thread run first: Linux gives each thread a priority of its own.

    https://man7.org/linux/man-pages/man2/setpriority.2.html
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def normalize_password(password: str) -> bytes:
    """Spell equal passwords equally (NIST SP 800-63B: NFKC, once, before hashing); JSON may bring half a character.

    Raises:
        PasswordTooLong: when it has more than 1,024 bytes.
    """
    spelled = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    if len(spelled) > MAX_BYTES:
        raise PasswordTooLong
    return spelled
