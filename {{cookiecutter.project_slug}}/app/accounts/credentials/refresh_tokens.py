"""Refresh tokens: opaque, used once, replaced at each use (RFC 9700 §4.14.2).

A token's child is not random but derived from the token and a nonce stored in its row. A retry within the grace period,
after a lost response or from a second tab, therefore gets the same child: the chain never forks. Any other reuse means
that two parties hold the chain, and ends the session.
"""

import base64
import hmac
import secrets
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts import events
from app.accounts.credentials import notifications
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.events import Event
from app.accounts.models import AuthSession, RefreshToken, User, is_live
from app.accounts.scope import Client
from app.api.live_connections import end_sessions
from app.database.after_commit import after_commit
from app.database.base import utc_now
from app.database.connection import Database
from app.errors import Unauthorized


class InvalidRefreshToken(Unauthorized):
    """The refresh token is unknown, expired, or was used before; sign in again."""

    title = "Invalid refresh token"


async def issue_refresh_token(session: AsyncSession, authenticator: Authenticator, auth_session: AuthSession) -> str:
    """Start the chain of a new session."""
    raw = "rt_" + secrets.token_urlsafe(32)
    session.add(_row(authenticator, raw, auth_session, parent=None, now=utc_now()))
    await session.flush()
    return raw


async def rotate_refresh_token(
    database: Database, authenticator: Authenticator, raw: str, client: Client
) -> tuple[AuthSession, str]:
    """Exchange a refresh token for its child.

    It uses its own transaction, so that the revocation of a stolen chain is committed even though the request fails.

    Raises:
        InvalidRefreshToken: when the token is invalid; on reuse, the session is ended and the user notified first.
    """
    async with database.sessions.begin() as session:
        result = await _claim(session, authenticator, raw, client)
        result = result or await _repeat(session, authenticator, raw, client)
    if result is None:
        raise InvalidRefreshToken
    return result


async def find_session_id(session: AsyncSession, authenticator: Authenticator, raw: str) -> UUID | None:
    """Return the session of a refresh token, whether or not it was used."""
    query = select(RefreshToken.session_id).where(RefreshToken.token_hash.in_(_digests(authenticator, raw)))
    session_id: UUID | None = await session.scalar(query)
    return session_id


async def _claim(
    session: AsyncSession, authenticator: Authenticator, raw: str, client: Client
) -> tuple[AuthSession, str] | None:
    """Use an unused token. It is a single conditional update, so that only one concurrent request succeeds."""
    now = utc_now()
    live = exists().where(
        AuthSession.id == RefreshToken.session_id,
        is_live(now),
        exists().where(User.id == AuthSession.user_id, User.is_active),
    )
    claimed = await session.execute(
        update(RefreshToken)
        .where(
            RefreshToken.token_hash.in_(_digests(authenticator, raw)),
            RefreshToken.used_at.is_(None),
            RefreshToken.expires_at > now,
            live,
        )
        .values(used_at=now, nonce=secrets.token_bytes(16))
        .returning(RefreshToken.id, RefreshToken.session_id, RefreshToken.nonce)
    )
    row = claimed.one_or_none()
    if row is None:
        return None
    parent_id, session_id, nonce = row
    auth_session = await session.get_one(AuthSession, session_id)
    auth_session.last_seen_at = now
    auth_session.ip_last = client.ip
    auth_session.idle_expires_at = now + authenticator.settings.refresh_idle
    child = _child(authenticator.keys.derive("refresh-child"), nonce, raw)
    session.add(_row(authenticator, child, auth_session, parent=parent_id, now=now))
    return auth_session, child


async def _repeat(
    session: AsyncSession, authenticator: Authenticator, raw: str, client: Client
) -> tuple[AuthSession, str] | None:
    """Handle a used token: return the same child within the grace period, else end the session."""
    now = utc_now()
    found = await session.execute(
        select(RefreshToken, AuthSession, User)
        .join(AuthSession, AuthSession.id == RefreshToken.session_id)
        .join(User, User.id == AuthSession.user_id)
        .where(
            RefreshToken.token_hash.in_(_digests(authenticator, raw)),
            RefreshToken.used_at.is_not(None),
            is_live(now),
            User.is_active,
        )
    )
    row = found.one_or_none()
    if row is None:
        return None  # unknown or expired: nothing to revoke
    token, auth_session, user = row
    child = await session.scalar(select(RefreshToken).where(RefreshToken.parent_id == token.id))
    if child is not None and child.used_at is None and _within_grace(authenticator, token, now):
        for key in authenticator.keys.derive_all("refresh-child"):
            candidate = _child(key, token.nonce, raw)
            if child.token_hash in _digests(authenticator, candidate):
                return auth_session, candidate
    auth_session.revoked_at = now
    auth_session.revoked_reason = "refresh_reuse"
    after_commit(session, partial(end_sessions, [auth_session.id]))
    await events.record(session, Event.TOKEN_REUSE, client, user_id=user.id, session_id=auth_session.id)
    agent = auth_session.user_agent
    await notifications.notify(session, authenticator, user.id, user.email, "token_reuse", user_agent=agent)
    return None


def _within_grace(authenticator: Authenticator, token: RefreshToken, now: datetime) -> bool:
    grace = authenticator.settings.refresh_grace
    return bool(grace) and token.used_at is not None and now - token.used_at <= grace


def _row(
    authenticator: Authenticator,
    raw: str,
    auth_session: AuthSession,
    *,
    parent: object,
    now: datetime,
) -> RefreshToken:
    expires = min(now + authenticator.settings.refresh_idle, auth_session.expires_at)
    return RefreshToken(
        id=uuid7(),
        session_id=auth_session.id,
        parent_id=parent,
        token_hash=authenticator.keys.digest("refresh-token", raw),
        created_at=now,
        expires_at=expires,
    )


def _digests(authenticator: Authenticator, raw: str) -> list[bytes]:
    return authenticator.keys.digests("refresh-token", raw)


def _child(key: bytes, nonce: bytes | None, parent: str) -> str:
    digest = hmac.digest(key, (nonce or b"") + parent.encode(), "sha256")
    return "rt_" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
