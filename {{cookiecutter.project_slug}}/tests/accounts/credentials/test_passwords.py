"""Password hashing, with a limited queue."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from passlib.context import CryptContext

from app.accounts.credentials.passwords import HasherOverloaded, PasswordHasher, PasswordTooLong
from app.settings.config import AuthSettings

CHEAP = AuthSettings(argon2_memory_kib=8)
ROOT = Path(__file__).parents[3]


def test_hash_is_argon2id_of_the_configured_cost() -> None:
    hasher = PasswordHasher(AuthSettings(argon2_memory_kib=64, argon2_time_cost=2))

    hashed = asyncio.run(hasher.hash("correct horse"))

    assert hashed.startswith("$argon2id$v=19$m=64,t=2,p=1$")


def test_equal_passwords_have_different_hashes() -> None:
    hasher = PasswordHasher(CHEAP)

    first, second = asyncio.run(hasher.hash("correct horse")), asyncio.run(hasher.hash("correct horse"))

    assert first != second
    assert asyncio.run(hasher.verify("correct horse", first)) == (True, None)
    assert asyncio.run(hasher.verify("correct horse ", first)) == (False, None)


def test_without_a_stored_hash_one_of_the_same_cost_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = PasswordHasher(AuthSettings(argon2_memory_kib=64, argon2_time_cost=2))
    verify = CryptContext.verify_and_update
    verified: list[str] = []

    def watched_verify(self: CryptContext, secret: bytes, stored: str) -> tuple[bool, str | None]:
        response = verify(self, secret, stored)
        verified.append(stored)
        return response

    monkeypatch.setattr(CryptContext, "verify_and_update", watched_verify)

    assert asyncio.run(hasher.verify("correct horse", None)) == (False, None)

    (made_up,), real = verified, asyncio.run(hasher.hash("correct horse"))
    assert list(map(len, made_up.split("$"))) == list(map(len, real.split("$")))
    assert made_up.split("$")[:-2] == real.split("$")[:-2]


def test_too_long_password_is_not_hashed() -> None:
    with pytest.raises(PasswordTooLong):
        asyncio.run(PasswordHasher(CHEAP).hash("x" * 1025))


def test_lone_surrogate_can_be_hashed() -> None:
    hasher = PasswordHasher(CHEAP)

    hashed = asyncio.run(hasher.hash("half \ud800 a character"))

    assert asyncio.run(hasher.verify("half \ud800 a character", hashed)) == (True, None)


@pytest.mark.any_database
def test_backend_is_loaded_before_the_first_hash() -> None:
    """Two threads that load it at the same time fail, so it must be loaded in advance."""
    code = f"from {PasswordHasher.__module__} import *; PasswordHasher(AuthSettings())"
    code += "; from passlib.hash import argon2; print(*[base.__name__ for base in argon2.__mro__])"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - ours

    assert "_CffiBackend" in done.stdout
    assert "_NoBackend" not in done.stdout


def test_excess_hashes_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)

    async def verify_many() -> list[BaseException | tuple[bool, str | None]]:
        hasher = PasswordHasher(CHEAP)
        tries = await asyncio.gather(*(hasher.verify("x", None) for _ in range(200)), return_exceptions=True)
        assert await hasher.verify("x", None) == (False, None), "the queue accepts work again"
        return tries

    outcomes = asyncio.run(verify_many())

    served, rejected = outcomes.count((False, None)), [type(outcome) for outcome in outcomes].count(HasherOverloaded)
    assert served >= 1
    assert rejected >= 100
    assert served + rejected == 200


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives each thread a priority of its own")
def test_hashing_threads_have_lower_priority() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def both() -> tuple[int, int]:
        return priority(), await PasswordHasher(CHEAP).run_in_thread(priority)

    loop, hashing = asyncio.run(both())

    assert hashing > loop


def test_sandbox_may_forbid_priorities(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", forbid)

    assert asyncio.run(PasswordHasher(CHEAP).hash("correct horse battery staple")).startswith("$argon2id$")
