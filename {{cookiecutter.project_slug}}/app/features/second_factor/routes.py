"""API routes for two-factor authentication."""

from fastapi import APIRouter, Request

from app.accounts.api.dependencies import (
    AuthenticatorDep,
    ClientDep,
    InvalidToken,
    RecentScope,
    SessionRequired,
    SessionScope,
)
from app.accounts.api.refresh_cookie import OriginNotAllowed, RefreshCookieDep
from app.accounts.schemas import AccessToken, TokenPair
from app.accounts.sessions import login as accounts
from app.accounts.sessions.login import EmailNotVerified
from app.accounts.sessions.reauth import ReauthenticationRequired
from app.api.dependencies import DatabaseDep, SessionDep
from app.api.error_handlers import openapi_responses
from app.api.rate_limits import TooManyAttempts
from app.features.second_factor import challenges, service
from app.features.second_factor.challenges import InvalidChallenge, WrongCode
from app.features.second_factor.schemas import ChallengeAnswer, CodeEntry, NewRecoveryCodes, SecondFactorRead, TotpSetup
from app.features.second_factor.service import (
    SecondFactorAlreadyEnabled,
    SecondFactorNotEnabled,
    WrongSetupCode,
)

router = APIRouter(prefix="/auth", tags=["second factor"])


@router.post("/second-factor", responses=openapi_responses(InvalidChallenge, WrongCode, TooManyAttempts))
async def answer_challenge(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: ChallengeAnswer
) -> TokenPair:
    """Complete a sign-in with a second factor.

    Send the challenge with a code from your authenticator app, or with a recovery code. A challenge expires after
    five minutes and allows five attempts.
    """
    user = await challenges.answer_challenge(database, authenticator, data.challenge, data.code, client)
    return await accounts.complete_login(database, authenticator, user, client)


@router.post(
    "/cookie/second-factor",
    responses=openapi_responses(InvalidChallenge, OriginNotAllowed, WrongCode, TooManyAttempts),
)
async def cookie_answer_challenge(
    database: DatabaseDep,
    authenticator: AuthenticatorDep,
    client: ClientDep,
    cookie: RefreshCookieDep,
    data: ChallengeAnswer,
) -> AccessToken:
    """Complete a sign-in from a browser with a second factor. The refresh token is set as an HttpOnly cookie."""
    return cookie.store(await answer_challenge(database, authenticator, client, data))


@router.get("/second-factor", responses=openapi_responses(InvalidToken, SessionRequired))
async def read_second_factor(session: SessionDep, scope: SessionScope) -> SecondFactorRead:
    """Get the status of two-factor authentication. Includes the number of unused recovery codes."""
    return SecondFactorRead.model_validate(await service.read_status(session, scope))


@router.post(
    "/totp",
    responses=openapi_responses(
        InvalidToken, ReauthenticationRequired, SessionRequired, EmailNotVerified, SecondFactorAlreadyEnabled
    ),
)
async def start_totp_setup(
    request: Request, session: SessionDep, authenticator: AuthenticatorDep, scope: RecentScope
) -> TotpSetup:
    """Start the setup of an authenticator app. Returns a secret, which is not active until you confirm it."""
    issuer = request.state.settings.project_name
    return TotpSetup.model_validate(await service.start_setup(session, authenticator, scope, issuer))


@router.post(
    "/totp/confirm",
    responses=openapi_responses(
        InvalidToken, ReauthenticationRequired, SessionRequired, SecondFactorNotEnabled, WrongSetupCode
    ),
)
async def confirm_totp_setup(
    database: DatabaseDep, authenticator: AuthenticatorDep, scope: RecentScope, client: ClientDep, data: CodeEntry
) -> NewRecoveryCodes:
    """Confirm the setup with a code from the app. Returns your recovery codes, which are not shown again."""
    return NewRecoveryCodes(
        recovery_codes=await service.confirm_setup(database, authenticator, scope, data.code, client)
    )


@router.delete(
    "/totp",
    status_code=204,
    responses=openapi_responses(InvalidToken, ReauthenticationRequired, SessionRequired, SecondFactorNotEnabled),
)
async def disable_totp(
    session: SessionDep, authenticator: AuthenticatorDep, scope: RecentScope, client: ClientDep
) -> None:
    """Turn off two-factor authentication. Ends your other sessions."""
    await service.disable(session, authenticator, scope, client)


@router.post(
    "/recovery-codes",
    responses=openapi_responses(InvalidToken, ReauthenticationRequired, SessionRequired, SecondFactorNotEnabled),
)
async def replace_recovery_codes(
    database: DatabaseDep, authenticator: AuthenticatorDep, scope: RecentScope, client: ClientDep
) -> NewRecoveryCodes:
    """Generate new recovery codes. The previous ones become invalid."""
    return NewRecoveryCodes(recovery_codes=await service.replace_recovery_codes(database, authenticator, scope, client))
