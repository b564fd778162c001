"""Single-use recovery codes, for users who lost their authenticator app. They are hashed like passwords."""

import re
import secrets
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.credentials.authenticator import Authenticator
from app.database.base import utc_now
from app.database.connection import Database
from app.features.second_factor.models import RecoveryCode

CODE_COUNT = 10
"""Recovery codes per user."""

# Without 0, O, 1 and I, which look alike: 32 characters, so 5 bits each.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

_CODE = re.compile(rf"(10|[1-9])-?([{ALPHABET}]{{5}})-?([{ALPHABET}]{{5}})")


class NewCodes(NamedTuple):
    """Codes to show to the user, and their hashes to store."""

    codes: list[str]
    hashes: list[str]


class EnteredCode(NamedTuple):
    """Number and secret of a code; only the secret is hashed."""

    number: int
    secret: str


async def generate_codes(authenticator: Authenticator) -> NewCodes:
    """Generate codes. Call it outside a transaction: hashing them takes time."""
    generated = generate_secrets()
    hashes = [await authenticator.passwords.hash(secret) for secret in generated]
    return NewCodes([format_code(number, secret) for number, secret in enumerate(generated, 1)], hashes)


async def store_codes(session: AsyncSession, user_id: UUID, hashes: Sequence[str]) -> None:
    """Replace the user's codes. Lock the account first."""
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.add_all(RecoveryCode(user_id=user_id, number=n, code_hash=hashed) for n, hashed in enumerate(hashes, 1))
    await session.flush()


async def count_codes(session: AsyncSession, user_id: UUID) -> int:
    """Count the user's unused codes."""
    unused = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return await session.scalar(unused) or 0


async def verify_code(database: Database, authenticator: Authenticator, user_id: UUID, entered: str) -> int | None:
    """Return the number of the entered code if it is correct and unused; the number selects the one hash to compare."""
    code = parse_code(entered)
    if code is None:
        return None
    async with database.read_sessions() as session:
        row = await session.get(RecoveryCode, (user_id, code.number))
    stored = row.code_hash if row is not None and row.used_at is None else None
    is_correct, _ = await authenticator.passwords.verify(code.secret, stored)
    return code.number if is_correct else None


async def consume_code(session: AsyncSession, user_id: UUID, number: int) -> bool:
    """Mark the code as used; return False if it was used before. Of concurrent requests, one succeeds."""
    used = await session.execute(
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.number == number, RecoveryCode.used_at.is_(None))
        .values(used_at=utc_now())
        .returning(RecoveryCode.number)
    )
    return used.one_or_none() is not None


def generate_secrets() -> list[str]:
    """Generate the secrets of a set of codes, 50 random bits each."""
    return ["".join(secrets.choice(ALPHABET) for _ in range(10)) for _ in range(CODE_COUNT)]


def format_code(number: int, secret: str) -> str:
    """Format a code for display: `3-K7M2P-9XQRT`."""
    return f"{number}-{secret[:5]}-{secret[5:]}"


def parse_code(entered: str) -> EnteredCode | None:
    """Parse a code as users type it: lowercase, with spaces, or without hyphens."""
    match = _CODE.fullmatch("".join(entered.split()).upper())
    return EnteredCode(int(match[1]), match[2] + match[3]) if match else None
