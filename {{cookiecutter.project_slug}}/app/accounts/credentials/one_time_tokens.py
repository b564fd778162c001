"""One-time tokens sent by email: bound to a purpose and stored as a keyed hash."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, exists, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts.credentials.authenticator import Authenticator
from app.accounts.models import OneTimeToken, User
from app.database.base import utc_now
from app.errors import InvalidRequest

_TABLE = OneTimeToken.__table__


class Purpose(StrEnum):
    """Purpose of a token; it is invalid for any other."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a name
    CHANGE_EMAIL = "change_email"
    """Sent to the new address."""
    CANCEL_EMAIL_CHANGE = "cancel_email_change"
    REVERT_EMAIL = "revert_email"
    """Sent to the previous address. Survives password changes: it is for owners who lost the account."""


_SENT_TO_CURRENT_ADDRESS = frozenset({Purpose.VERIFY_EMAIL, Purpose.RESET_PASSWORD, Purpose.CANCEL_EMAIL_CHANGE})


class InvalidLink(InvalidRequest):
    """The token is unknown, used or expired, or was sent to an address that the account no longer has."""

    title = "The link is invalid, expired or already used"


async def issue(  # noqa: PLR0913 - the columns of a token
    session: AsyncSession,
    authenticator: Authenticator,
    user_id: UUID,
    purpose: Purpose,
    *,
    sent_to: str,
    ttl: timedelta,
    saved: Mapping[str, Any] | None = None,
) -> str:
    """Create a token to send by email.

    For an unknown user ID, it runs the same statement without inserting a row, so that timing reveals nothing.
    """
    raw, now = secrets.token_urlsafe(32), utc_now()
    row = {
        "id": uuid7(),
        "purpose": str(purpose),
        "token_hash": authenticator.keys.digest(_key(purpose), raw),
        "sent_to": sent_to,
        "created_at": now,
        "expires_at": now + ttl,
        "saved_second_factors": saved,
    }
    values = [literal(value, _TABLE.c[name].type) for name, value in row.items()]
    await session.execute(
        insert(OneTimeToken).from_select([*row, "user_id"], select(*values, User.id).where(User.id == user_id))
    )
    return raw


async def find(session: AsyncSession, authenticator: Authenticator, raw: str, purpose: Purpose) -> OneTimeToken | None:
    """Return the token if it is valid, without using it."""
    query = select(OneTimeToken).where(*_live(authenticator, raw, purpose))
    token: OneTimeToken | None = await session.scalar(query)
    return token


async def consume(session: AsyncSession, authenticator: Authenticator, raw: str, purpose: Purpose) -> OneTimeToken:
    """Use the token. It is a single conditional update, so that only one of several concurrent requests succeeds.

    The account is locked first: see `revocation.py`.

    Raises:
        InvalidLink: when the token is invalid.
    """
    live = select(OneTimeToken.user_id).where(*_live(authenticator, raw, purpose))
    await session.scalar(select(User.id).where(User.id.in_(live)).with_for_update())
    used = await session.scalars(
        update(OneTimeToken)
        .where(*_live(authenticator, raw, purpose))
        .values(used_at=utc_now())
        .returning(OneTimeToken)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    token: OneTimeToken | None = used.one_or_none()
    if token is None:
        raise InvalidLink
    return token


class PreviousAddresses(NamedTuple):
    """The addresses that can still revert a change of a user's email address, and the language of the account."""

    addresses: Sequence[str]
    locale: str | None


async def find_previous_addresses(session: AsyncSession, user_id: UUID) -> PreviousAddresses:
    """Return the addresses that can still revert a change of the user's email address."""
    mine = (OneTimeToken.user_id == User.id) & (OneTimeToken.purpose == Purpose.REVERT_EMAIL)
    live = OneTimeToken.used_at.is_(None) & (OneTimeToken.expires_at > utc_now())
    query = select(OneTimeToken.sent_to, User.locale).select_from(User).outerjoin(OneTimeToken, mine & live)
    rows = (await session.execute(query.where(User.id == user_id).distinct())).all()
    return PreviousAddresses([row.sent_to for row in rows if row.sent_to], rows[0].locale if rows else None)


async def revoke(session: AsyncSession, user_id: UUID, *purposes: Purpose) -> None:
    """Revoke the user's unused tokens of these purposes."""
    await _revoke(session, OneTimeToken.user_id == user_id, OneTimeToken.purpose.in_(purposes))


async def revoke_all(session: AsyncSession, user_id: UUID) -> None:
    """Revoke the user's unused tokens, except those that revert an email change."""
    await revoke(session, user_id, *(purpose for purpose in Purpose if purpose is not Purpose.REVERT_EMAIL))


async def revoke_older(session: AsyncSession, user_id: UUID, purpose: Purpose, *, keep: int) -> None:
    """Revoke all but the newest tokens of a purpose."""
    mine = (OneTimeToken.user_id == user_id, OneTimeToken.purpose == purpose, OneTimeToken.used_at.is_(None))
    newest = select(OneTimeToken.id).where(*mine).order_by(OneTimeToken.id.desc()).limit(keep)
    await _revoke(session, *mine, OneTimeToken.id.not_in(newest))


async def revoke_newer(session: AsyncSession, token: OneTimeToken) -> None:
    """Revoke tokens of the same user and purpose that were issued after this one."""
    await _revoke(
        session,
        OneTimeToken.user_id == token.user_id,
        OneTimeToken.purpose == token.purpose,
        OneTimeToken.id > token.id,
    )


async def _revoke(session: AsyncSession, *conditions: ColumnElement[bool]) -> None:
    await session.execute(
        update(OneTimeToken)
        .where(*conditions, OneTimeToken.used_at.is_(None))
        .values(used_at=utc_now())
        .execution_options(synchronize_session=False)
    )


def _live(authenticator: Authenticator, raw: str, purpose: Purpose) -> list[ColumnElement[bool]]:
    """Select the token if it is unused and unexpired, and its user still has the address it verifies."""
    owner = exists().where(User.id == OneTimeToken.user_id, User.is_active)
    if purpose in _SENT_TO_CURRENT_ADDRESS:
        owner = owner.where(User.email == OneTimeToken.sent_to)
    return [
        OneTimeToken.token_hash.in_(authenticator.keys.digests(_key(purpose), raw)),
        OneTimeToken.purpose == purpose,
        OneTimeToken.used_at.is_(None),
        OneTimeToken.expires_at > utc_now(),
        owner,
    ]


def _key(purpose: Purpose) -> str:
    return f"one-time:{purpose}"
