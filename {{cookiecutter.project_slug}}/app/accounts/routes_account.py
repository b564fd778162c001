"""Your own account over HTTP: profile, password, address, and all that is kept about you."""

from typing import Any

from fastapi import APIRouter, Response

from app.accounts import account, email_change, recovery, users
from app.accounts.dependencies import (
    AuthenticatorDep,
    ClientDep,
    CurrentScope,
    InvalidToken,
    RecentScope,
    SessionRequired,
    SessionScope,
)
from app.accounts.models import User
from app.accounts.reauth import ReauthenticationRequired
from app.accounts.routes_signup import CHECK_YOUR_MAIL
from app.accounts.schemas import AccountRead, AccountUpdate
from app.accounts.schemas_account import Accepted, Address, MailedToken, PasswordChange
from app.accounts.service import InvalidCredentials
from app.accounts.users import EmailTaken, LastAdmin
from app.dependencies import DatabaseDep, IfMatch, SessionDep, check_version, tagged
from app.errors import VersionConflict, documented
from app.throttle import TooManyAttempts

router = APIRouter()

_REFUSALS = (InvalidToken, SessionRequired)
_RECENT_REFUSALS = (ReauthenticationRequired, *_REFUSALS)


@router.get("/users/me", tags=["users"], response_model=AccountRead, responses=documented(InvalidToken))
async def read_own_account(session: SessionDep, scope: CurrentScope, response: Response) -> User:
    """Read your account."""
    return tagged(response, await users.get_account(session, scope))


@router.patch(
    "/users/me", tags=["users"], response_model=AccountRead, responses=documented(InvalidToken, VersionConflict)
)
async def update_own_account(
    session: SessionDep,
    scope: CurrentScope,
    response: Response,
    data: AccountUpdate,
    if_match: IfMatch = None,
) -> User:
    """Change the fields you send; the others keep their values."""
    user = await users.get_account(session, scope)
    check_version(user, if_match)
    return tagged(response, await users.update_account(session, user, data))


@router.get("/users/me/export", tags=["users"], responses=documented(*_REFUSALS))
async def export_account(database: DatabaseDep, scope: SessionScope, client: ClientDep) -> dict[str, Any]:
    """Read everything that is kept about you, and everything that is yours."""
    return await account.export_account(database, scope, client)


@router.delete("/users/me", tags=["users"], status_code=204, responses=documented(*_RECENT_REFUSALS, LastAdmin))
async def delete_own_account(
    database: DatabaseDep, authenticator: AuthenticatorDep, scope: RecentScope, client: ClientDep
) -> None:
    """Delete your account and everything that is yours, for good."""
    await account.delete_account(database, authenticator, scope, client)


@router.post(
    "/auth/password/change",
    tags=["auth"],
    status_code=204,
    responses=documented(InvalidCredentials, *_REFUSALS, TooManyAttempts),
)
async def change_password(
    database: DatabaseDep,
    authenticator: AuthenticatorDep,
    scope: SessionScope,
    client: ClientDep,
    data: PasswordChange,
) -> None:
    """Change your password: your other sessions end, this one goes on.

    Your API keys are revoked too, unless you send `keep_api_keys`.
    """
    await recovery.change_password(database, authenticator, scope, data, client)


@router.post(
    "/auth/email/change", tags=["auth"], status_code=202, responses=documented(*_RECENT_REFUSALS, TooManyAttempts)
)
async def ask_for_email_change(
    database: DatabaseDep, authenticator: AuthenticatorDep, scope: RecentScope, client: ClientDep, data: Address
) -> Accepted:
    """Ask for another address: it counts when you have confirmed it with the token that is mailed to it."""
    await email_change.ask(database, authenticator, scope, data.email, client)
    return CHECK_YOUR_MAIL


@router.post("/auth/email/change/confirm", tags=["auth"], status_code=204, responses=documented(EmailTaken))
async def confirm_email_change(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: MailedToken
) -> None:
    """Give your account its new address, with the token that was mailed to it."""
    await email_change.confirm(database, authenticator, data.token, client)


@router.post("/auth/email/change/cancel", tags=["auth"], status_code=204)
async def cancel_email_change(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: MailedToken
) -> None:
    """Stop a change of your address, with the token that was mailed to the old one."""
    await email_change.cancel(database, authenticator, data.token, client)


@router.post("/auth/email/change/revert", tags=["auth"], status_code=204, responses=documented(EmailTaken))
async def revert_email_change(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: MailedToken
) -> None:
    """Take your old address back, with the token that was mailed to it.

    Your account is again as it was before the change: all sessions end, API keys are revoked, and a second factor
    that was added since is removed, one that was removed since is back. Your password is removed: a token to set a new
    one is mailed.
    """
    await email_change.revert(database, authenticator, data.token, client)
