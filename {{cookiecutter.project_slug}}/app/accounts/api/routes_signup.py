"""Sign up, prove an address, choose a forgotten password anew, over HTTP."""

from fastapi import APIRouter

from app.accounts.api.dependencies import AuthenticatorDep, ClientDep
from app.accounts.lifecycle import password_reset, signup
from app.accounts.lifecycle.schemas import Accepted, EmailAddress, EmailVerification, PasswordReset, SignUp
from app.accounts.sessions.login import InvalidCredentials
from app.api.dependencies import DatabaseDep
from app.api.error_handlers import openapi_responses
from app.api.rate_limits import TooManyAttempts

router = APIRouter(prefix="/auth", tags=["auth"], responses=openapi_responses(TooManyAttempts))

CHECK_YOUR_EMAIL = Accepted(detail="Check your mail.")


@router.post("/register", status_code=202)
async def sign_up(database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: SignUp) -> Accepted:
    """Make an account. A mail follows in any case; the answer does not tell whether the address has an account."""
    await signup.sign_up(database, authenticator, data, client)
    return CHECK_YOUR_EMAIL


@router.post("/verify-email", status_code=204, responses=openapi_responses(InvalidCredentials))
async def verify_email(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: EmailVerification
) -> None:
    """Prove that the address is yours, with the token that was mailed.

    Send the password of your sign-up too, or it is taken away, for somebody else may have chosen it: then set one
    with `/auth/password/forgot`.
    """
    password = data.password.get_secret_value() if data.password else None
    await signup.verify_email(database, authenticator, data.token, client, password=password)


@router.post("/verify-email/resend", status_code=202)
async def resend_verification(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: EmailAddress
) -> Accepted:
    """Have the mail of your sign-up sent again: once a minute at most, and a few times an hour."""
    await signup.resend_verification(database, authenticator, data.email, client)
    return CHECK_YOUR_EMAIL


@router.post("/password/forgot", status_code=202)
async def forgot_password(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: EmailAddress
) -> Accepted:
    """Have a token mailed that sets a new password. The answer does not tell whether the address has an account."""
    await password_reset.request_password_reset(database, authenticator, data.email, client)
    return CHECK_YOUR_EMAIL


@router.post("/password/reset", status_code=204)
async def reset_password(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: PasswordReset
) -> None:
    """Set a new password with the token that was mailed.

    All your sessions end and your API keys are revoked; then sign in.
    """
    token, password = data.token, data.password.get_secret_value()
    await password_reset.reset_password(database, authenticator, token, password, client)
