"""Re-authentication: sensitive actions require a recently entered password."""

from datetime import datetime, timedelta

from sqlalchemy import update

from app.accounts import events
from app.accounts.credentials.authenticator import Authenticator
from app.accounts.events import Event
from app.accounts.models import AuthSession
from app.accounts.scope import Client, Scope
from app.accounts.sessions import login
from app.database.base import utc_now
from app.database.connection import Database
from app.errors import Unauthorized


class ReauthenticationRequired(Unauthorized):
    """The caller authenticated too long ago. https://www.rfc-editor.org/rfc/rfc9470"""

    title = "Re-enter your password"

    def __init__(self, max_age: timedelta) -> None:
        super().__init__()
        seconds = int(max_age.total_seconds())
        challenge = f'Bearer error="insufficient_user_authentication", max_age="{seconds}"'
        self.headers = {"WWW-Authenticate": challenge}


def require_recent_authentication(authenticator: Authenticator, scope: Scope) -> None:
    """Require that the caller authenticated within `AUTH_REAUTHENTICATE_AFTER`.

    Raises:
        ReauthenticationRequired: when it was longer ago.
        ForbiddenWhileImpersonating: when the caller is an impersonating admin, who can't authenticate as the user.
    """
    scope.forbid_impersonation()
    max_age = authenticator.settings.reauthenticate_after
    if utc_now() - scope.authenticated_at > max_age:
        raise ReauthenticationRequired(max_age)


async def reauthenticate(
    database: Database, authenticator: Authenticator, scope: Scope, password: str, client: Client
) -> datetime:
    """Confirm the caller's password, and return the new time of authentication.

    Raises:
        InvalidCredentials: when the password is wrong, which counts like a failed sign-in.
        TooManyAttempts: after several failures.
    """
    await login.verify_password(database, authenticator, scope, password, client)
    now = utc_now()
    async with database.sessions.begin() as session:
        await session.execute(
            update(AuthSession).where(AuthSession.id == scope.session_id).values(authenticated_at=now)
        )
        await events.record(session, Event.REAUTHENTICATED, client, user_id=scope.user_id, session_id=scope.session_id)
    return now
