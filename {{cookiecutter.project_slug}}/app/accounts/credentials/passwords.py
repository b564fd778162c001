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
from contextlib import suppress
from typing import TypeVar

from passlib.context import CryptContext
from passlib.exc import UnknownHashError

from app.errors import InvalidRequest, Unavailable
from app.settings.config import AuthSettings

T = TypeVar("T")

MAX_BYTES = 1024
_PARALLELISM = 1
_QUEUE_PER_CPU = 32


class PasswordTooLong(InvalidRequest):
    """The password has more than 1,024 bytes; it was not hashed."""

    title = "Password too long"


class HasherOverloaded(Unavailable):
    """Too many password hashes are in progress."""

    title = "Too many concurrent sign-ins"


class PasswordHasher:
    """Hash and verify passwords.

    Each hash takes `AUTH_ARGON2_MEMORY_KIB` of memory, so at most one per CPU runs at a time, and the queue is limited.
    """

    def __init__(self, settings: AuthSettings) -> None:
        cpus = os.cpu_count() or 1
        self._context = CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=settings.argon2_memory_kib,
            argon2__time_cost=settings.argon2_time_cost,
            argon2__parallelism=_PARALLELISM,
        )
        self._context.handler().get_backend()  # loads it; two threads doing so at the same time fail
        self._threads = ThreadPoolExecutor(cpus, "hash", initializer=_lower_priority)
        self._pending, self._max_pending = 0, cpus * _QUEUE_PER_CPU
        self._dummy = _dummy_hash(settings)

    async def hash(self, password: str) -> str:
        """Return the PHC string to store.

        Raises:
            PasswordTooLong: without hashing.
            HasherOverloaded: when the queue is full.
        """
        normalized = normalize_password(password)
        return await self.run_in_thread(lambda: self._context.hash(normalized))

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Return whether the password is correct, and a new hash if `stored` has outdated parameters.

        Without a stored hash it verifies a dummy, so that the response time doesn't reveal whether an account exists.

        Raises:
            HasherOverloaded: when the queue is full.
        """
        try:
            normalized = normalize_password(password)
        except PasswordTooLong:
            return False, None
        correct, replacement = await self.run_in_thread(lambda: self._verify(normalized, stored or self._dummy))
        return (correct, replacement) if stored else (False, None)

    async def run_in_thread(self, work: Callable[[], T]) -> T:
        """Run CPU-bound work off the event loop, in the thread pool for hashing.

        Raises:
            HasherOverloaded: when the queue is full.
        """
        if self._pending >= self._max_pending:
            raise HasherOverloaded
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._pending -= 1

    def _verify(self, password: bytes, stored: str) -> tuple[bool, str | None]:
        try:
            return self._context.verify_and_update(password, stored)
        except UnknownHashError:
            return False, None


def _dummy_hash(settings: AuthSettings) -> str:
    """Return a made-up hash with the configured cost. Computing a real one would delay each start."""
    salt, digest = (b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (16, 32))
    costs = f"m={settings.argon2_memory_kib},t={settings.argon2_time_cost},p={_PARALLELISM}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _lower_priority() -> None:
    """Lower the thread's priority, so that the event loop runs first. Linux has a priority per thread.

    https://man7.org/linux/man-pages/man2/setpriority.2.html
    """
    if sys.platform == "linux":
        with suppress(PermissionError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def normalize_password(password: str) -> bytes:
    """Return the password in Unicode form NFKC (NIST SP 800-63B); JSON may contain lone surrogates.

    Raises:
        PasswordTooLong: when it has more than 1,024 bytes.
    """
    normalized = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    if len(normalized) > MAX_BYTES:
        raise PasswordTooLong
    return normalized
