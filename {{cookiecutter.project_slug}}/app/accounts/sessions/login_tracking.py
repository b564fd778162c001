"""Post-login bookkeeping, shared by the API and the web pages."""

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import events
from app.accounts.credentials import notifications
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.events import Event
from app.accounts.models import AuthSession, User
from app.accounts.scope import Client
from app.database.base import utc_now
from app.errors import Unauthorized


class CredentialsChanged(Unauthorized):
    """The password was changed or the account disabled since the password was checked."""

    title = "Sign in again"


async def update_last_login(session: AsyncSession, user: User) -> None:
    """Set the time of the last sign-in, before the session is created.

    It locks the account, which serializes concurrent sign-ins and password resets.

    Raises:
        CredentialsChanged: when the password was changed since it was checked, or the account disabled.
    """
    unchanged = User.password_changed_at.is_not_distinct_from(user.password_changed_at)
    updated = await session.execute(
        update(User)
        .where(User.id == user.id, User.is_active, unchanged)
        .values(last_login_at=utc_now())
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    if updated.one_or_none() is None:
        raise CredentialsChanged


async def record_login(  # noqa: PLR0913 - the columns of an event
    session: AsyncSession,
    authenticator: Authenticator,
    user: User,
    auth_session: AuthSession,
    client: Client,
    *,
    known_device: bool = False,
) -> None:
    """Record a successful sign-in, and notify the user by email if the device is new."""
    known = known_device or await _is_known(session, user, auth_session)
    await events.record(session, Event.LOGIN_SUCCESS, client, user_id=user.id, session_id=auth_session.id)
    if not known:
        about = {"ip": client.ip, "user_agent": client.user_agent, "at": utc_now()}
        await notifications.notify(session, authenticator, user.id, user.email, "new_sign_in", **about)


async def _is_known(session: AsyncSession, user: User, auth_session: AuthSession) -> bool:
    """Return whether the user has signed in with this user agent before, or has never signed in."""
    if user.last_login_at is None:
        return True
    theirs = AuthSession.user_id == user.id, AuthSession.impersonator_session_id.is_(None)
    others = *theirs, AuthSession.id != auth_session.id
    query = select(exists().where(*others, AuthSession.user_agent == auth_session.user_agent))
    return bool(await session.scalar(query))
