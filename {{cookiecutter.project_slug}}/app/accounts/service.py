"""Sign in, refresh, sign out: what the API and the pages both call."""

from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import refresh, sessions, users
from app.accounts.authenticator import Authenticator
from app.accounts.models import AuthSession, User
from app.accounts.schemas import TokenPair
from app.accounts.scope import Client
from app.database import Database, utc_now
from app.errors import Unauthorized


class InvalidCredentials(Unauthorized):
    """The address or the password is wrong; which of them is not told."""

    title = "Wrong e-mail address or password"


async def authenticate(database: Database, authenticator: Authenticator, email: str, password: str) -> User:
    """Return the user whose address and password these are.

    No transaction is open while the password is hashed: on SQLite it would keep every writer waiting.

    Raises:
        InvalidCredentials: the same for a wrong password, an unknown address and a disabled account.
    """
    async with database.reads() as session:
        user = await users.find_user(session, email)
    stored = user.password_hash if user is not None and user.is_active else None
    right, replacement = await authenticator.passwords.verify(password, stored)
    if user is None or not right:
        raise InvalidCredentials
    if replacement is not None:
        await _store_hash(database, user, replacement)
    return user


async def login(session: AsyncSession, authenticator: Authenticator, user: User, client: Client) -> TokenPair:
    """Open an API session and return its first tokens."""
    auth_session = await sessions.open_api_session(session, authenticator, user, client)
    await note_login(session, user)
    refresh_token = await refresh.issue_refresh_token(session, authenticator, auth_session)
    return _pair(authenticator, auth_session, refresh_token)


async def refresh_tokens(database: Database, authenticator: Authenticator, raw: str) -> TokenPair:
    """Exchange a refresh token for a new pair.

    Raises:
        InvalidRefreshToken: when it is not valid; a second use ends the session.
    """
    auth_session, child = await refresh.rotate_refresh_token(database, authenticator, raw)
    return _pair(authenticator, auth_session, child)


async def note_login(session: AsyncSession, user: User) -> None:
    """Remember when this user was last let in."""
    await session.execute(update(User).where(User.id == user.id).values(last_login_at=utc_now()))


async def _store_hash(database: Database, user: User, replacement: str) -> None:
    async with database.sessions.begin() as session:
        await session.execute(
            update(User)
            .where(User.id == user.id, User.password_hash == user.password_hash)
            .values(password_hash=replacement)
        )


def _pair(authenticator: Authenticator, auth_session: AuthSession, refresh_token: str) -> TokenPair:
    access_token = authenticator.tokens.issue(
        auth_session.user_id, auth_session.id, int(auth_session.authenticated_at.timestamp())
    )
    return TokenPair(
        access_token=access_token,
        refresh_token=refresh_token,
        token_type="Bearer",  # noqa: S106 - RFC 6750's word, not a secret
        expires_in=int(authenticator.tokens.ttl / timedelta(seconds=1)),
    )
