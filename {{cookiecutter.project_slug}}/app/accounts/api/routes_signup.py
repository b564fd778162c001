"""API routes for sign-up, email verification and password reset."""

from fastapi import APIRouter

from app.accounts.api.dependencies import AuthenticatorDep, ClientDep
from app.accounts.lifecycle import password_reset, signup
from app.accounts.lifecycle.schemas import Accepted, EmailAddress, EmailVerification, PasswordReset, SignUp
from app.accounts.sessions.login import InvalidCredentials
from app.api.dependencies import DatabaseDep
from app.api.error_handlers import openapi_responses
from app.api.rate_limits import TooManyAttempts

router = APIRouter(prefix="/auth", tags=["auth"], responses=openapi_responses(TooManyAttempts))

CHECK_YOUR_EMAIL = Accepted(detail="Check your email.")


@router.post("/register", status_code=202)
async def sign_up(database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: SignUp) -> Accepted:
    """Create an account.

    An email is sent in any case; the response doesn't reveal whether the address is registered.
    """
    await signup.sign_up(database, authenticator, data, client)
    return CHECK_YOUR_EMAIL


@router.post("/verify-email", status_code=204, responses=openapi_responses(InvalidCredentials))
async def verify_email(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: EmailVerification
) -> None:
    """Verify your email address with the token from the email.

    Include the password you signed up with; otherwise it is removed, because someone else may have chosen it, and you
    set a new one with `/auth/password/forgot`.
    """
    password = data.password.get_secret_value() if data.password else None
    await signup.verify_email(database, authenticator, data.token, client, password=password)


@router.post("/verify-email/resend", status_code=202)
async def resend_verification(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: EmailAddress
) -> Accepted:
    """Resend the verification email. Limited to once a minute and a few times an hour."""
    await signup.resend_verification(database, authenticator, data.email, client)
    return CHECK_YOUR_EMAIL


@router.post("/password/forgot", status_code=202)
async def forgot_password(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: EmailAddress
) -> Accepted:
    """Request a password reset email. The response doesn't reveal whether the address is registered."""
    await password_reset.request_password_reset(database, authenticator, data.email, client)
    return CHECK_YOUR_EMAIL


@router.post("/password/reset", status_code=204)
async def reset_password(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: PasswordReset
) -> None:
    """Set a new password with the token from the email.

    Ends all sessions and revokes your API keys. Sign in afterwards.
    """
    token, password = data.token, data.password.get_secret_value()
    await password_reset.reset_password(database, authenticator, token, password, client)
