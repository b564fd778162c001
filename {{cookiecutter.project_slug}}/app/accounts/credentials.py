"""What gives access to an account beside its password: sessions, second factors, and bearer tokens such as API keys.

Whatever changes one of them locks the row of the account first. So changes wait for one another, and what is begun by
a session that ends meanwhile is refused.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import sessions
from app.accounts.authenticator import Authenticator
from app.accounts.models import AuthSession, User
from app.accounts.scope import Client, Scope
from app.database import utc_now
from app.errors import Unauthorized


class SessionEnded(Unauthorized):
    """The session ended while the request was on its way."""

    title = "Your session has ended: sign in again"


class Ended(NamedTuple):
    """How much was ended."""

    sessions: int
    tokens: int


async def lock_account(session: AsyncSession, scope: Scope) -> User:
    """Lock the caller's account until the transaction ends, and return it.

    Raises:
        SessionEnded: when the caller's session, or the account, was ended meanwhile.
    """
    user: User | None = await session.scalar(
        select(User)
        .join(AuthSession, AuthSession.user_id == User.id)
        .where(User.id == scope.user_id, User.is_active)
        .where(AuthSession.id == scope.session_id, sessions.is_live(utc_now()))
        .with_for_update()
    )
    if user is None:
        raise SessionEnded
    return user


async def end_all(
    session: AsyncSession, authenticator: Authenticator, user_id: UUID, reason: str, client: Client
) -> Ended:
    """End all sessions of a user, and revoke their API keys and other bearer tokens."""
    ended = await sessions.end_all(session, user_id, reason)
    return Ended(ended, await revoke_tokens(session, authenticator, user_id, client))


async def revoke_tokens(session: AsyncSession, authenticator: Authenticator, user_id: UUID, client: Client) -> int:
    """Revoke the user's API keys and other bearer tokens; return how many there were."""
    return sum([await scheme.revoke_all(session, user_id, client) for scheme in authenticator.bearer_schemes])


async def save_factors(session: AsyncSession, authenticator: Authenticator, user_id: UUID) -> dict[str, Any]:
    """Return the second factors that the user has now, as JSON, by their names."""
    return {factor.name: await factor.save(session, user_id) for factor in authenticator.second_factors}


async def restore_factors(
    session: AsyncSession, authenticator: Authenticator, user_id: UUID, saved: Mapping[str, Any], since: datetime
) -> None:
    """Give the user the second factors that they had when these were saved, and no others."""
    for factor in authenticator.second_factors:
        await factor.restore(session, user_id, saved.get(factor.name), since)
