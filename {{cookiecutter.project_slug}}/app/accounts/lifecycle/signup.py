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
from app.i18n import requested_locale


class EmailVerified(NamedTuple):
    """A user with a verified email address."""

    user: User
    reset_link_token: str | None
    """Token to set a new password, if the one chosen at sign-up was removed because it may be someone else's."""


async def sign_up(database: Database, authenticator: Authenticator, data: SignUp, client: Client) -> str:
    """Create an account, or email the owner of the address that they already have one.

    Return a proof for the browser to keep. With it, `verify_email` accepts that the password was chosen in the same
    browser. It matches the stored password only, so it is useless if the account already existed.

    Raises:
        InvalidEmail: when the address is invalid.
        PasswordTooShort, PasswordTooCommon, PasswordTooLong: by the password policy.
        TooManyAttempts: per IP address.
    """
    await email_links.hit_client_limit(authenticator, client)
    address = parse_email(data.email)
    password_hash = await hash_new_password(authenticator, data.password.get_secret_value(), address)
    within_limit = await email_links.hit_email_limit(authenticator, "sign-up", address, once_a_minute=True)
    user = User(
        email=address,
        email_key=normalize_email(address),
        password_hash=password_hash,
        password_changed_at=utc_now(),
        locale=requested_locale(),
        **data.model_dump(exclude={"email", "password"}),
    )
    async with database.sessions.begin() as session:
        found = await _add(session, authenticator, user, within_limit=within_limit)
        if found is None:
            await events.record(session, Event.USER_CREATED, client, user_id=user.id)
        elif within_limit:
            await _notify_owner(session, authenticator, found)
    return _signup_proofs(authenticator, address, password_hash)[0]


async def resend_verification(database: Database, authenticator: Authenticator, email: str, client: Client) -> None:
    """Resend the verification email: at most once a minute and a few times an hour.

    Raises:
        TooManyAttempts: per IP address.
    """
    await email_links.hit_client_limit(authenticator, client)
    if not await email_links.hit_email_limit(authenticator, "sign-up", email, once_a_minute=True):
        return
    async with database.sessions.begin() as session:
        user = await users.find_user_by_email(session, email)
        unverified = user if user is not None and user.is_active and user.email_verified_at is None else None
        await email_links.send_link_or_simulate(session, authenticator, unverified, Purpose.VERIFY_EMAIL, email)


async def verify_email(  # noqa: PLR0913 - two ways to confirm the password
    database: Database,
    authenticator: Authenticator,
    raw: str,
    client: Client,
    *,
    signup_proof: str | None = None,
    password: str | None = None,
) -> EmailVerified:
    """Mark the email address as verified.

    An attacker may have signed up with it and be waiting for the owner to open the link. So the password and the other
    fields of the form are kept only if the caller knows the password, or uses the browser that signed up:
    `signup_proof` is what `sign_up` returned.

    Raises:
        InvalidLink: when the token is invalid.
        InvalidCredentials: when the password is wrong; the token stays valid.
    """
    confirmed = await _find_confirmed_hash(database, authenticator, raw, signup_proof, password)
    async with database.sessions.begin() as session:
        token = await one_time_tokens.consume(session, authenticator, raw, Purpose.VERIFY_EMAIL)
        user = await session.get_one(User, token.user_id)
        user.email_verified_at = utc_now()
        await one_time_tokens.revoke(session, user.id, Purpose.VERIFY_EMAIL)
        await events.record(session, Event.EMAIL_VERIFIED, client, user_id=user.id)
        if confirmed is not None and user.password_hash == confirmed:
            return EmailVerified(user, None)
        return EmailVerified(user, await _remove_password(session, authenticator, user, client))


async def _add(session: AsyncSession, authenticator: Authenticator, user: User, *, within_limit: bool) -> User | None:
    """Add the user and send the link; if the address is taken, roll that back and return its owner."""
    found = await users.find_user_by_email(session, user.email)
    if found is not None:
        user.email_key = str(uuid7())
    try:
        async with session.begin_nested() as attempt:
            session.add(user)
            await session.flush()
            if within_limit:
                await email_links.send_link(session, authenticator, user, Purpose.VERIFY_EMAIL)
            if found is not None:
                await attempt.rollback()
    except IntegrityError:  # a concurrent sign-up with the same address
        found = await users.find_user_by_email(session, user.email)
        if found is None:
            raise
    return found


async def _notify_owner(session: AsyncSession, authenticator: Authenticator, user: User) -> None:
    """Email the owner of the address that they have an account, or resend the link if it is unverified."""
    if user.email_verified_at is None:
        await email_links.send_link(session, authenticator, user, Purpose.VERIFY_EMAIL)
    else:
        await authenticator.mailer.enqueue(
            session, user.email, "already_registered", locale=user.locale, owner_id=user.id
        )


async def _find_confirmed_hash(
    database: Database, authenticator: Authenticator, raw: str, signup_proof: str | None, password: str | None
) -> str | None:
    """Return the stored hash if the caller has confirmed the password; leave no transaction open."""
    async with database.read_sessions() as session:
        token = await one_time_tokens.find(session, authenticator, raw, Purpose.VERIFY_EMAIL)
        if token is None:
            raise InvalidLink
        user = await session.get_one(User, token.user_id)
    if password is not None:
        correct, _ = await authenticator.passwords.verify(password, user.password_hash)
        if not correct:
            raise InvalidCredentials
        return user.password_hash
    proofs = _signup_proofs(authenticator, user.email, user.password_hash or "")
    matches = [hmac.compare_digest(proof.encode(), (signup_proof or "").encode()) for proof in proofs]
    return user.password_hash if any(matches) else None


async def _remove_password(session: AsyncSession, authenticator: Authenticator, user: User, client: Client) -> str:
    """Undo what an attacker may have set up, and return a token for the owner to set a new password."""
    user.password_hash, user.locale = None, requested_locale()
    for name, field in SignUp.model_fields.items():
        if not field.is_required():
            setattr(user, name, field.get_default(call_default_factory=True))
    await revocation.revoke_all_credentials(session, authenticator, user.id, "email verified", client)
    purpose = Purpose.RESET_PASSWORD
    ttl = email_links.link_ttl(authenticator, purpose)
    return await one_time_tokens.issue(session, authenticator, user.id, purpose, sent_to=user.email, ttl=ttl)


def _signup_proofs(authenticator: Authenticator, address: str, password_hash: str) -> list[str]:
    """Return proofs that a browser chose this password at sign-up; the current key's first."""
    digests = authenticator.keys.digests("sign-up", f"{normalize_email(address)}:{password_hash}")
    return [digest.hex() for digest in digests]
