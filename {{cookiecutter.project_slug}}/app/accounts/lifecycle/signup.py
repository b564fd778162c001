"""Sign-up and email verification.

Responses and their timing don't reveal whether an email address is registered (no user enumeration).
"""

import hmac
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts import events, users
from app.accounts.credentials import one_time_tokens
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.credentials.one_time_tokens import InvalidLink, Purpose
from app.accounts.credentials.password_policy import hash_new_password
from app.accounts.email_addresses import normalize_email, parse_email
from app.accounts.events import Event
from app.accounts.lifecycle import email_links
from app.accounts.lifecycle.schemas import SignUp
from app.accounts.models import User
from app.accounts.scope import Client
from app.accounts.sessions import revocation
from app.accounts.sessions.login import InvalidCredentials
from app.database.base import utc_now
from app.database.connection import Database


class EmailVerified(NamedTuple):
    """A user whose address is proven."""

    user: User
    reset_link_token: str | None
    """For the page that sets a password: they have none, when the one they had was perhaps not theirs."""


async def sign_up(database: Database, authenticator: Authenticator, data: SignUp, client: Client) -> str:
    """Create an account, or tell the owner of the address by mail that there is one.

    Returns what the browser may keep: with it, `verify_email` believes that the password is theirs. It only fits
    the password that is stored, so it is worth nothing when there was an account before.

    Raises:
        InvalidEmail: when the address is none.
        PasswordTooShort, PasswordTooCommon, PasswordTooLong: by the policy.
        TooManyAttempts: from one place of the network.
    """
    await email_links.hit_client_limit(authenticator, client)
    address = parse_email(data.email)
    password_hash = await hash_new_password(authenticator, data.password.get_secret_value(), address)
    may_mail = await email_links.hit_email_limit(authenticator, "sign-up", address, once_a_minute=True)
    user = User(
        email=address,
        email_key=normalize_email(address),
        password_hash=password_hash,
        password_changed_at=utc_now(),
        display_name=data.display_name,
    )
    async with database.sessions.begin() as session:
        found = await _add(session, authenticator, user, may_mail=may_mail)
        if found is None:
            await events.record(session, Event.USER_CREATED, client, user_id=user.id)
        elif may_mail:
            await _remind(session, authenticator, found)
    return _proofs(authenticator, address, password_hash)[0]


async def resend_verification(database: Database, authenticator: Authenticator, email: str, client: Client) -> None:
    """Resend the verification email: at most once a minute and a few times an hour.

    Raises:
        TooManyAttempts: from one place of the network.
    """
    await email_links.hit_client_limit(authenticator, client)
    if not await email_links.hit_email_limit(authenticator, "sign-up", email, once_a_minute=True):
        return
    async with database.sessions.begin() as session:
        user = await users.find_user_by_email(session, email)
        waiting = user if user is not None and user.is_active and user.email_verified_at is None else None
        await email_links.send_link_or_simulate(session, authenticator, waiting, Purpose.VERIFY_EMAIL, email)


async def verify_email(  # noqa: PLR0913 - and two ways to prove that the password is theirs
    database: Database,
    authenticator: Authenticator,
    raw: str,
    client: Client,
    *,
    signup_proof: str | None = None,
    password: str | None = None,
) -> EmailVerified:
    """Note that the address of this token's account is proven.

    Somebody else may have signed up with it, to wait until its owner opens the link. So the password is kept only
    for who knows it, or comes with the browser that signed up: `signup_proof` is what `sign_up` returned to it.

    Raises:
        InvalidLink: when the token cannot be used.
        InvalidCredentials: when a password comes along and is wrong; the token can still be used.
    """
    proven = await _find_proven_hash(database, authenticator, raw, signup_proof, password)
    async with database.sessions.begin() as session:
        token = await one_time_tokens.consume(session, authenticator, raw, Purpose.VERIFY_EMAIL)
        user = await session.get_one(User, token.user_id)
        user.email_verified_at = utc_now()
        await one_time_tokens.revoke(session, user.id, Purpose.VERIFY_EMAIL)
        await events.record(session, Event.EMAIL_VERIFIED, client, user_id=user.id)
        if proven is not None and user.password_hash == proven:
            return EmailVerified(user, None)
        return EmailVerified(user, await _take_password_away(session, authenticator, user, client))


async def _add(session: AsyncSession, authenticator: Authenticator, user: User, *, may_mail: bool) -> User | None:
    """Add the user and mail them the link; or do the same work, undo it, and return who has the address."""
    found = await users.find_user_by_email(session, user.email)
    if found is not None:
        user.email_key = str(uuid7())
    try:
        async with session.begin_nested() as attempt:
            session.add(user)
            await session.flush()
            if may_mail:
                await email_links.send_link(session, authenticator, user, Purpose.VERIFY_EMAIL)
            if found is not None:
                await attempt.rollback()
    except IntegrityError:  # somebody signs up with it at this very moment
        found = await users.find_user_by_email(session, user.email)
        if found is None:
            raise
    return found


async def _remind(session: AsyncSession, authenticator: Authenticator, user: User) -> None:
    """Mail the owner of the address that they have an account, or the link once more if they did not open it."""
    if user.email_verified_at is None:
        await email_links.send_link(session, authenticator, user, Purpose.VERIFY_EMAIL)
    else:
        await authenticator.mailer.enqueue(session, user.email, "already_registered")


async def _find_proven_hash(
    database: Database, authenticator: Authenticator, raw: str, signup_proof: str | None, password: str | None
) -> str | None:
    """Return the stored hash when the caller has proven that it is of their password; no transaction stays open."""
    async with database.read_sessions() as session:
        token = await one_time_tokens.find(session, authenticator, raw, Purpose.VERIFY_EMAIL)
        if token is None:
            raise InvalidLink
        user = await session.get_one(User, token.user_id)
    if password is not None:
        right, _ = await authenticator.passwords.verify(password, user.password_hash)
        if not right:
            raise InvalidCredentials
        return user.password_hash
    proofs = _proofs(authenticator, user.email, user.password_hash or "")
    fits = [hmac.compare_digest(proof.encode(), (signup_proof or "").encode()) for proof in proofs]
    return user.password_hash if any(fits) else None


async def _take_password_away(session: AsyncSession, authenticator: Authenticator, user: User, client: Client) -> str:
    """End what a stranger may have begun, and return a token with which the owner sets their own password."""
    user.password_hash = None
    await revocation.revoke_all_credentials(session, authenticator, user.id, "address proven", client)
    purpose = Purpose.RESET_PASSWORD
    ttl = email_links.link_ttl(authenticator, purpose)
    return await one_time_tokens.issue(session, authenticator, user.id, purpose, sent_to=user.email, ttl=ttl)


def _proofs(authenticator: Authenticator, address: str, password_hash: str) -> list[str]:
    """Return what shows that one knows which hash was made at sign-up; by the key in force first."""
    digests = authenticator.keys.digests("sign-up", f"{normalize_email(address)}:{password_hash}")
    return [digest.hex() for digest in digests]
