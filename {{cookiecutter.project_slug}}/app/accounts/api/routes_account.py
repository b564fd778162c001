"""API routes for the caller's account: profile, password, email, data export and deletion."""

from typing import Any

from fastapi import APIRouter, Response

from app.accounts import users
from app.accounts.api.dependencies import (
    AuthenticatorDep,
    ClientDep,
    CurrentScope,
    InvalidToken,
    RecentScope,
    SessionRequired,
    SessionScope,
)
from app.accounts.api.routes_signup import CHECK_YOUR_EMAIL
from app.accounts.lifecycle import email_change, password_reset, personal_data
from app.accounts.lifecycle.schemas import Accepted, EmailAddress, EmailedToken, PasswordChange
from app.accounts.schemas import AccountRead, AccountUpdate
from app.accounts.sessions.login import InvalidCredentials
from app.accounts.sessions.reauth import ReauthenticationRequired
from app.accounts.users import EmailTaken, FieldTaken, LastAdmin
from app.api.dependencies import DatabaseDep, IfMatch, SessionDep, check_version, with_etag
from app.api.error_handlers import openapi_responses
from app.api.rate_limits import TooManyAttempts
from app.errors import VersionConflict

router = APIRouter()

_SESSION_ERRORS = (InvalidToken, SessionRequired)
_RECENT_ERRORS = (ReauthenticationRequired, *_SESSION_ERRORS)


@router.get("/users/me", tags=["users"], responses=openapi_responses(InvalidToken))
async def read_own_account(session: SessionDep, scope: CurrentScope, response: Response) -> AccountRead:
    """Get your account."""
    return with_etag(response, await users.get_account(session, scope))


@router.patch("/users/me", tags=["users"], responses=openapi_responses(InvalidToken, FieldTaken, VersionConflict))
async def update_own_account(
    session: SessionDep,
    scope: CurrentScope,
    response: Response,
    data: AccountUpdate,
    if_match: IfMatch = None,
) -> AccountRead:
    """Update your account. Omitted fields are unchanged."""
    account = await users.get_account(session, scope)
    check_version(account, if_match)
    return with_etag(response, await users.update_account(session, account, data))


@router.get("/users/me/export", tags=["users"], responses=openapi_responses(*_SESSION_ERRORS))
async def export_account(database: DatabaseDep, scope: SessionScope, client: ClientDep) -> dict[str, Any]:
    """Export all data stored about you. Includes everything you own."""
    return await personal_data.export_account(database, scope, client)


@router.delete("/users/me", tags=["users"], status_code=204, responses=openapi_responses(*_RECENT_ERRORS, LastAdmin))
async def delete_own_account(
    database: DatabaseDep, authenticator: AuthenticatorDep, scope: RecentScope, client: ClientDep
) -> None:
    """Delete your account and everything you own. This can't be undone."""
    await personal_data.delete_account(database, authenticator, scope, client)


@router.post(
    "/auth/password/change",
    tags=["auth"],
    status_code=204,
    responses=openapi_responses(InvalidCredentials, *_SESSION_ERRORS, TooManyAttempts),
)
async def change_password(
    database: DatabaseDep,
    authenticator: AuthenticatorDep,
    scope: SessionScope,
    client: ClientDep,
    data: PasswordChange,
) -> None:
    """Change your password. Ends all other sessions and revokes your API keys unless you send `keep_api_keys`."""
    await password_reset.change_password(database, authenticator, scope, data, client)


@router.post(
    "/auth/email/change",
    tags=["auth"],
    status_code=202,
    responses=openapi_responses(*_RECENT_ERRORS, TooManyAttempts),
)
async def request_email_change(
    database: DatabaseDep, authenticator: AuthenticatorDep, scope: RecentScope, client: ClientDep, data: EmailAddress
) -> Accepted:
    """Request an email change. It takes effect when you confirm it with the token sent to the new address."""
    await email_change.request(database, authenticator, scope, data.email, client)
    return CHECK_YOUR_EMAIL


@router.post("/auth/email/change/confirm", tags=["auth"], status_code=204, responses=openapi_responses(EmailTaken))
async def confirm_email_change(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: EmailedToken
) -> None:
    """Confirm an email change with the token sent to the new address."""
    await email_change.confirm(database, authenticator, data.token, client)


@router.post("/auth/email/change/cancel", tags=["auth"], status_code=204)
async def cancel_email_change(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: EmailedToken
) -> None:
    """Cancel an email change with the token sent to the old address."""
    await email_change.cancel(database, authenticator, data.token, client)


@router.post("/auth/email/change/revert", tags=["auth"], status_code=204, responses=openapi_responses(EmailTaken))
async def revert_email_change(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: EmailedToken
) -> None:
    """Revert an email change with the token sent to the old address.

    Ends all sessions, revokes API keys, and restores the second factor the account had before the change. The
    password is removed; a password reset token is emailed.
    """
    await email_change.revert(database, authenticator, data.token, client)
