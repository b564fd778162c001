"""Queue operations on the outbox. A claimed email is sent only by the claiming process until the claim expires."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.base import utc_now
from app.database.connection import Database
from app.mail.models import OutboxMessage

CLAIM_TIMEOUT = timedelta(minutes=5)
"""Claim timeout; after it, emails of a crashed process are retried."""

RETRY_DELAYS = [
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
]
"""Delay after each failed attempt; the last one repeats."""


class ClaimedMessage(NamedTuple):
    """An email claimed by this process; `attempts` includes the current one."""

    id: UUID
    template: str
    payload: bytes
    attempts: int


async def claim(database: Database) -> ClaimedMessage | None:
    """Claim the oldest due email and commit, so that no lock is held while sending."""
    oldest = select(OutboxMessage.id).where(_due()).order_by(OutboxMessage.next_attempt_at).limit(1)
    async with database.read_sessions() as session:  # first, because claiming takes SQLite's only write lock
        if await session.scalar(oldest) is None:
            return None
    values = {"attempts": OutboxMessage.attempts + 1, "next_attempt_at": utc_now() + CLAIM_TIMEOUT, **_CHANGED}
    async with database.sessions.begin() as session:
        found = await session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.id == oldest.with_for_update(skip_locked=True).scalar_subquery())
            .values(values)
            .returning(OutboxMessage.id, OutboxMessage.template, OutboxMessage.payload, OutboxMessage.attempts)
            .execution_options(synchronize_session=False)
        )
        row = found.one_or_none()
    return ClaimedMessage(row.id, row.template, row.payload or b"", row.attempts) if row else None


async def mark_sent(database: Database, mail: ClaimedMessage) -> None:
    """Mark as sent and erase the content."""
    await _update(database, mail, sent_at=utc_now(), payload=None, last_error=None)


async def schedule_retry(database: Database, mail: ClaimedMessage, error: str) -> None:
    """Schedule a retry with an increasing delay."""
    pause = RETRY_DELAYS[min(mail.attempts, len(RETRY_DELAYS)) - 1]
    await _update(database, mail, next_attempt_at=utc_now() + pause, last_error=error)


async def mark_failed(database: Database, mail: ClaimedMessage, error: str) -> None:
    """Mark as permanently failed."""
    await _update(database, mail, failed_at=utc_now(), last_error=error)


async def retry(session: AsyncSession, mails: Sequence[OutboxMessage]) -> int:
    """Reset unsent emails for retry; return their number."""
    unsent = [mail for mail in mails if mail.sent_at is None]
    for mail in unsent:
        mail.failed_at, mail.attempts, mail.next_attempt_at = None, 0, utc_now()
    await session.flush()
    return len(unsent)


def _due() -> ColumnElement[bool]:
    return and_(
        OutboxMessage.sent_at.is_(None), OutboxMessage.failed_at.is_(None), OutboxMessage.next_attempt_at <= utc_now()
    )


async def _update(database: Database, mail: ClaimedMessage, **values: object) -> None:
    """Update a claimed email, unless the claim expired and another process took over."""
    ours = and_(OutboxMessage.id == mail.id, OutboxMessage.attempts == mail.attempts, OutboxMessage.sent_at.is_(None))
    async with database.sessions.begin() as session:
        await session.execute(
            update(OutboxMessage)
            .where(ours)
            .values({**values, **_CHANGED})
            .execution_options(synchronize_session=False)
        )


_CHANGED = {"version": OutboxMessage.version + 1}
