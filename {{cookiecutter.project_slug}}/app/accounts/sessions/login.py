"""Sign-in, token refresh and sign-out, shared by the API and the web pages."""

from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import anyio
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import events, users
from app.accounts.credentials import device_cookies, refresh_tokens
from app.accounts.credentials.authenticator import Authenticator, SecondFactor
from app.accounts.events import Event
from app.accounts.models import AuthSession, User
from app.accounts.schemas import AccessToken, SecondFactorRequired, TokenPair
from app.accounts.scope import Client, Scope
from app.accounts.sessions import authentication, login_tracking, revocation, sessions
from app.accounts.sessions.login_rate_limits import (
    account_limits,
    clear_limits,
    client_limits,
    device_limits,
    hit_limits,
    session_limits,
)
from app.api.rate_limits import TooManyAttempts
from app.database.connection import Database
from app.errors import Forbidden, Unauthorized


class InvalidCredentials(Unauthorized):
    """The email address or the password is wrong; the error doesn't reveal which."""

    title = "Incorrect email or password"


class EmailNotVerified(Forbidden):
    """The password is correct, but the email address is not verified."""

    title = "Email address not verified"


async def authenticate(  # noqa: PLR0913 - the inputs of a sign-in
    database: Database,
    authenticator: Authenticator,
    email: str,
    password: str,
    client: Client,
    *,
    device: str | None = None,
) -> User:
    """Authenticate a user by email and password; `device` is the known-device cookie, if any.

    The password is hashed outside a transaction, which would block all other writers on SQLite.

    Raises:
        TooManyAttempts: before the password is checked, whether or not the account exists.
        InvalidCredentials: for a wrong password, an unknown address or a disabled account, after the same time.
        EmailNotVerified: only when the password is correct.
    """
    soonest = anyio.current_time() + authenticator.settings.login_min_response_time.total_seconds()
    try:
        return await _authenticate(database, authenticator, email, password, client, device)
    except InvalidCredentials:
        await anyio.sleep_until(soonest)
        raise


async def verify_password(
    database: Database, authenticator: Authenticator, scope: Scope, password: str, client: Client
) -> None:
    """Check the password of a signed-in user.

    Sessions have their own counter, so that an attacker's guesses don't lock the user out. Failures count for the
    account, too.

    Raises:
        TooManyAttempts: after several failures.
        InvalidCredentials: when the password is wrong.
        ForbiddenWhileImpersonating: when the caller is an impersonating admin.
    """
    scope.forbid_impersonation()
    settings = authenticator.settings
    own = session_limits(settings, scope.session_id)
    await hit_limits(database, authenticator, own, client, user_id=scope.user_id)
    async with database.read_sessions() as session:
        user = await session.get(User, scope.user_id)
    try:
        await _check_password(database, authenticator, user, password, client)
    except InvalidCredentials:
        with suppress(TooManyAttempts):
            account = account_limits(settings, scope.email)
            await hit_limits(database, authenticator, account, client, user_id=scope.user_id)
        raise
    await clear_limits(authenticator, own)


async def start_second_factor(
    database: Database, authenticator: Authenticator, user: User
) -> tuple[SecondFactor, str] | None:
    """Return the user's second factor and a new challenge, or None if they have none."""
    for factor in authenticator.second_factors:
        async with database.read_sessions() as session:  # read-only: most users have none
            is_enabled = await factor.is_enabled(session, user.id)
        if is_enabled:
            async with database.sessions.begin() as session:
                return factor, await factor.create_challenge(session, authenticator, user)
    return None


async def login(
    database: Database, authenticator: Authenticator, user: User, client: Client
) -> TokenPair | SecondFactorRequired:
    """Create an API session after a correct password, or return a second-factor challenge."""
    step = await start_second_factor(database, authenticator, user)
    if step is not None:
        factor, challenge = step
        return SecondFactorRequired(
            token_type="Challenge",  # noqa: S106 - the type, not a secret
            mfa_required=True,
            challenge=challenge,
            methods=[factor.name],
        )
    return await complete_login(database, authenticator, user, client)


async def complete_login(database: Database, authenticator: Authenticator, user: User, client: Client) -> TokenPair:
    """Create an API session after successful authentication, and return its first tokens."""
    async with database.sessions.begin() as session:
        await login_tracking.update_last_login(session, user)
        auth_session = await sessions.create_api_session(session, authenticator, user, client)
        refresh_token = await refresh_tokens.issue_refresh_token(session, authenticator, auth_session)
        await login_tracking.record_login(session, authenticator, user, auth_session, client)
    return _pair(authenticator, auth_session, refresh_token)


async def refresh(database: Database, authenticator: Authenticator, raw: str, client: Client) -> TokenPair:
    """Exchange a refresh token for a new pair.

    Raises:
        InvalidRefreshToken: when it is invalid; reuse ends the session.
    """
    auth_session, child = await refresh_tokens.rotate_refresh_token(database, authenticator, raw, client)
    return _pair(authenticator, auth_session, child)


def issue_access_token(
    authenticator: Authenticator, user_id: UUID, session_id: UUID, authenticated_at: datetime
) -> AccessToken:
    """Sign an access token for a session."""
    return AccessToken(
        access_token=authenticator.tokens.issue(user_id, session_id, int(authenticated_at.timestamp())),
        token_type="Bearer",  # noqa: S106 - RFC 6750's word, not a secret
        expires_in=int(authenticator.tokens.ttl / timedelta(seconds=1)),
    )


async def logout(session: AsyncSession, scope: Scope, client: Client) -> None:
    """End the caller's session."""
    await sessions.end_session(session, scope)
    await events.record(session, Event.LOGOUT, client, user_id=scope.user_id, session_id=scope.session_id)


async def logout_by_refresh_token(database: Database, authenticator: Authenticator, raw: str, client: Client) -> None:
    """End the session of a refresh token, if it is active."""
    async with database.read_sessions() as session:
        session_id = await refresh_tokens.find_session_id(session, authenticator, raw)
    scope = await authentication.authenticate_session_id(database, session_id) if session_id else None
    if scope is not None:
        async with database.sessions.begin() as session:
            await logout(session, scope, client)


async def logout_all(session: AsyncSession, authenticator: Authenticator, scope: Scope, client: Client) -> None:
    """End all sessions of the caller, including this one, and revoke their API keys. Not for impersonators."""
    scope.forbid_impersonation()
    reason = "signed out everywhere"
    ended = await revocation.revoke_all_credentials(session, authenticator, scope.user_id, reason, client)
    await events.record(session, Event.LOGOUT, client, user_id=scope.user_id, sessions=ended)


async def _authenticate(  # noqa: PLR0913, PLR0917 - as above
    database: Database, authenticator: Authenticator, email: str, password: str, client: Client, device: str | None
) -> User:
    settings = authenticator.settings
    await hit_limits(database, authenticator, client_limits(settings, client), client)
    async with database.read_sessions() as session:
        user = await users.find_user_by_email(session, email)
    known = device_cookies.verify_device_cookie(authenticator.keys, user, device)
    buckets = device_limits(settings, known) if known else account_limits(settings, email)
    await hit_limits(database, authenticator, buckets, client, user_id=user.id if user else None)
    user = await _check_password(database, authenticator, user, password, client)
    await clear_limits(authenticator, buckets)
    if user.email_verified_at is None:
        await events.record_and_commit(database, Event.LOGIN_FAIL, client, user_id=user.id, reason="email not verified")
        raise EmailNotVerified
    return user


async def _check_password(
    database: Database, authenticator: Authenticator, user: User | None, password: str, client: Client
) -> User:
    """Return the user if they are active and the password is correct; upgrade an outdated hash."""
    stored = user.password_hash if user is not None and user.is_active else None
    correct, replacement = await authenticator.passwords.verify(password, stored)
    if user is None or not correct:
        await events.record_and_commit(database, Event.LOGIN_FAIL, client, user_id=user.id if user else None)
        raise InvalidCredentials
    if replacement is not None:
        await _store_hash(database, user, replacement)
    return user


async def _store_hash(database: Database, user: User, replacement: str) -> None:
    async with database.sessions.begin() as session:
        await session.execute(
            update(User)
            .where(User.id == user.id, User.password_hash == user.password_hash)
            .values(password_hash=replacement)
        )


def _pair(authenticator: Authenticator, auth_session: AuthSession, refresh_token: str) -> TokenPair:
    access = issue_access_token(authenticator, auth_session.user_id, auth_session.id, auth_session.authenticated_at)
    return TokenPair(refresh_token=refresh_token, **access.model_dump())
