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

_LIVE_OF_A_KIND = 3


class _Kind(NamedTuple):
    template: str
    path: str
    ttl_setting: str
    """Name of the setting."""


_KINDS: Mapping[Purpose, _Kind] = {
    Purpose.VERIFY_EMAIL: _Kind("verify_email", "verify", "verify_email_ttl"),
    Purpose.RESET_PASSWORD: _Kind("reset_password", "password/reset", "reset_password_ttl"),
    Purpose.CHANGE_EMAIL: _Kind("confirm_email", "email/confirm", "change_email_ttl"),
    Purpose.CANCEL_EMAIL_CHANGE: _Kind("email_change_requested", "email/cancel", "change_email_ttl"),
    Purpose.REVERT_EMAIL: _Kind("email_changed", "email/revert", "revert_email_ttl"),
}


async def send_link(  # noqa: PLR0913 - which link, and what its mail says
    session: AsyncSession,
    authenticator: Authenticator,
    user: User,
    purpose: Purpose,
    to: str | None = None,
    *,
    saved: Mapping[str, Any] | None = None,
    **context: str,
) -> None:
    """Mail a new link to the user's address, or to another one; older ones of its kind end when they are many."""
    to = to or user.email
    if purpose is not Purpose.REVERT_EMAIL:  # whoever changes the address again and again must not use up these
        await one_time_tokens.revoke_older(session, user.id, purpose, keep=_LIVE_OF_A_KIND - 1)
    ttl = link_ttl(authenticator, purpose)
    raw = await one_time_tokens.issue(session, authenticator, user.id, purpose, sent_to=to, ttl=ttl, saved=saved)
    kind = _KINDS[purpose]
    link = f"{authenticator.base_url}/{kind.path}/{raw}"
    await authenticator.mailer.enqueue(session, to, kind.template, link=link, **context)


async def send_link_or_simulate(
    session: AsyncSession, authenticator: Authenticator, user: User | None, purpose: Purpose, address: str
) -> None:
    """Mail a link to the user; when there is none, do the same work and undo it, so that its time tells nothing."""
    nobody = User(id=uuid7(), email=address)
    async with session.begin_nested() as attempt:
        await send_link(session, authenticator, user or nobody, purpose)
        if user is None:
            await attempt.rollback()


def link_ttl(authenticator: Authenticator, purpose: Purpose) -> timedelta:
    """Return the lifetime of a link."""
    ttl: timedelta = getattr(authenticator.settings, _KINDS[purpose].ttl_setting)
    return ttl


async def hit_client_limit(authenticator: Authenticator, client: Client) -> None:
    """Count what asks for a mail, from one place of the network.

    Raises:
        TooManyAttempts: when it asks too often.
    """
    limit = RateLimit("mails-client", authenticator.settings.ip_attempts_per_minute, timedelta(minutes=1))
    await authenticator.rate_limiter.hit(limit, client.network)


async def hit_email_limit(authenticator: Authenticator, kind: str, email: str, *, once_a_minute: bool = False) -> bool:
    """Count a mail that somebody asks for, with or without an account behind the address.

    False when it is one too many: it is then silently not sent, for the caller may be a stranger who floods a mailbox.
    """
    limits = [RateLimit(f"{kind}-an-hour", authenticator.settings.emails_per_hour, timedelta(hours=1))]
    if once_a_minute:
        limits.insert(0, RateLimit(f"{kind}-a-minute", 1, timedelta(minutes=1)))
    try:
        for limit in limits:
            await authenticator.rate_limiter.hit(limit, normalize_email(email))
    except TooManyAttempts:
        return False
    return True
