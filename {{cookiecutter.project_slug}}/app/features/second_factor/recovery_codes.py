"""Recovery codes, for who has lost the app: hashed like passwords, each used once."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.credentials.authenticator import Authenticator
from app.database.base import utc_now
from app.database.connection import Database
from app.features.second_factor import totp
from app.features.second_factor.models import RecoveryCode


class NewCodes(NamedTuple):
    """Codes as they are shown, once, and as they are stored."""

    written: list[str]
    hashes: list[str]


async def generate_codes(authenticator: Authenticator) -> NewCodes:
    """Make ten codes; outside a transaction, for their hashes take time."""
    made = totp.make_recovery_secrets()
    hashes = [await authenticator.passwords.hash(secret) for secret in made]
    return NewCodes([totp.write_recovery_code(number, secret) for number, secret in enumerate(made, 1)], hashes)


async def store_codes(session: AsyncSession, user_id: UUID, hashes: Sequence[str]) -> None:
    """Keep these codes in place of those before; lock the account first."""
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.add_all(RecoveryCode(user_id=user_id, number=n, code_hash=hashed) for n, hashed in enumerate(hashes, 1))
    await session.flush()


async def count_codes(session: AsyncSession, user_id: UUID) -> int:
    """Return how many are left."""
    left = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return await session.scalar(left) or 0


async def verify_code(database: Database, authenticator: Authenticator, user_id: UUID, entered: str) -> int | None:
    """Return the number of the code that this is. The number picks the row: one hash a try, not ten."""
    entry = totp.read_recovery_code(entered)
    if entry is None:
        return None
    async with database.read_sessions() as session:
        row = await session.get(RecoveryCode, (user_id, entry.number))
    stored = row.code_hash if row is not None and row.used_at is None else None
    right, _ = await authenticator.passwords.verify(entry.secret, stored)
    return entry.number if right else None


async def consume_code(session: AsyncSession, user_id: UUID, number: int) -> bool:
    """Use the code, if nobody did: one conditional update, so that of many at once exactly one wins."""
    used = await session.execute(
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.number == number, RecoveryCode.used_at.is_(None))
        .values(used_at=utc_now())
        .returning(RecoveryCode.number)
    )
    return used.one_or_none() is not None
