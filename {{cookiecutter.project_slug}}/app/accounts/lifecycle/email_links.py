"""Emails with one-time links: targets, lifetimes and rate limits."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts.credentials import one_time_tokens
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.credentials.one_time_tokens import Purpose
from app.accounts.email_addresses import normalize_email
from app.accounts.models import User
from app.accounts.scope import Client
from app.api.rate_limits import RateLimit, TooManyAttempts

_MAX_ACTIVE_LINKS = 3


class _LinkType(NamedTuple):
    template: str
    path: str
    ttl_setting: str
    """Name of the setting with the lifetime."""


_LINK_TYPES: Mapping[Purpose, _LinkType] = {
    Purpose.VERIFY_EMAIL: _LinkType("verify_email", "verify", "verify_email_ttl"),
    Purpose.RESET_PASSWORD: _LinkType("reset_password", "password/reset", "reset_password_ttl"),
    Purpose.CHANGE_EMAIL: _LinkType("confirm_email", "email/confirm", "change_email_ttl"),
    Purpose.CANCEL_EMAIL_CHANGE: _LinkType("email_change_requested", "email/cancel", "change_email_ttl"),
    Purpose.REVERT_EMAIL: _LinkType("email_changed", "email/revert", "revert_email_ttl"),
}


async def send_link(  # noqa: PLR0913 - the parts of a link and its email
    session: AsyncSession,
    authenticator: Authenticator,
    user: User,
    purpose: Purpose,
    to: str | None = None,
    *,
    saved: Mapping[str, Any] | None = None,
    **context: str,
) -> None:
    """Send a new link to the user's address or to `to`; only the newest links of a purpose stay valid."""
    to = to or user.email
    if purpose is not Purpose.REVERT_EMAIL:  # repeated changes must not invalidate these
        await one_time_tokens.revoke_older(session, user.id, purpose, keep=_MAX_ACTIVE_LINKS - 1)
    ttl = link_ttl(authenticator, purpose)
    raw = await one_time_tokens.issue(session, authenticator, user.id, purpose, sent_to=to, ttl=ttl, saved=saved)
    link_type = _LINK_TYPES[purpose]
    link = f"{authenticator.base_url}/{link_type.path}/{raw}"
    owner_id = user.id if user in session else None  # a simulated user has no row
    await authenticator.mailer.enqueue(
        session, to, link_type.template, locale=user.locale, owner_id=owner_id, link=link, **context
    )


async def send_link_or_simulate(
    session: AsyncSession, authenticator: Authenticator, user: User | None, purpose: Purpose, address: str
) -> None:
    """Send a link, or do the same work and roll it back if there is no user, so that timing reveals nothing."""
    fake = User(id=uuid7(), email=address)
    async with session.begin_nested() as attempt:
        await send_link(session, authenticator, user or fake, purpose)
        if user is None:
            await attempt.rollback()


def link_ttl(authenticator: Authenticator, purpose: Purpose) -> timedelta:
    """Return the lifetime of a link."""
    ttl: timedelta = getattr(authenticator.settings, _LINK_TYPES[purpose].ttl_setting)
    return ttl


async def hit_client_limit(authenticator: Authenticator, client: Client) -> None:
    """Count a request for an email, per IP address (IPv6: /64).

    Raises:
        TooManyAttempts: when the limit is exceeded.
    """
    limit = RateLimit("mails-client", authenticator.settings.ip_attempts_per_minute, timedelta(minutes=1))
    await authenticator.rate_limiter.hit(limit, client.network)


async def hit_email_limit(
    authenticator: Authenticator, action: str, email: str, *, once_a_minute: bool = False
) -> bool:
    """Count a requested email, whether or not the address has an account; return whether it is within the limit.

    Otherwise it is silently not sent: the caller may be an attacker flooding a mailbox.
    """
    limits = [RateLimit(f"{action}-an-hour", authenticator.settings.emails_per_hour, timedelta(hours=1))]
    if once_a_minute:
        limits.insert(0, RateLimit(f"{action}-a-minute", 1, timedelta(minutes=1)))
    try:
        for limit in limits:
            await authenticator.rate_limiter.hit(limit, normalize_email(email))
    except TooManyAttempts:
        return False
    return True
