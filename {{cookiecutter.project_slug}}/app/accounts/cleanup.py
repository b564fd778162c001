"""Delete rows that nobody needs any more. It can run at any time, and twice."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Delete, delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import account
from app.accounts.models import AuthSession, OneTimeToken, User
from app.database import Database, utc_now
from app.mail.models import OutboxMail
from app.throttle import AttemptCount

_KEEP = timedelta(days=7)


async def clean_up(database: Database) -> Mapping[str, int]:
    """Delete what is over, each kind in a transaction of its own; return how many rows of each.

    - Accounts whose address nobody proved within a week, so that it can be signed up with again.
    - Mailed tokens and counts of attempts whose time is over.
    - Sessions that ended a week ago, with their refresh tokens. The used tokens of a session that goes on stay,
      for they are how a thief is noticed.
    - Mails that were sent a week ago; they have no content any more.
    """
    now = utc_now()
    counts = {}
    async with database.sessions.begin() as session:
        unproven = (User.email_verified_at.is_(None), User.created_at < now - _KEEP)
        counts["unproven accounts"] = await account.erase(session, *unproven)
    for name, statement in _statements(now).items():
        async with database.sessions.begin() as session:
            counts[name] = await _delete(session, statement)
    return counts


def _statements(now: datetime) -> Mapping[str, Delete]:
    long_ago = now - _KEEP
    over = (
        (AuthSession.revoked_at < long_ago)
        | (AuthSession.expires_at < long_ago)
        | (AuthSession.idle_expires_at < long_ago)
    )
    return {
        "mailed tokens": delete(OneTimeToken).where(OneTimeToken.expires_at < now),
        "counts of attempts": delete(AttemptCount).where(AttemptCount.expires_at < now),
        "sessions": delete(AuthSession).where(over),
        "sent mails": delete(OutboxMail).where(OutboxMail.sent_at < long_ago),
    }


async def _delete(session: AsyncSession, statement: Delete) -> int:
    connection = await session.connection()  # which counts rows; there are no objects of them
    return (await connection.execute(statement)).rowcount
