"""Sign-up and email verification pages."""

from urllib.parse import quote, unquote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts.api.dependencies import AuthenticatorDep
from app.accounts.browser import cookies
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageClient, Visitor
from app.accounts.credentials.one_time_tokens import InvalidLink, Purpose
from app.accounts.email_addresses import InvalidEmail
from app.accounts.lifecycle import signup
from app.accounts.lifecycle.schemas import EmailAddress, SignUp
from app.api.dependencies import DatabaseDep, SessionDep
from app.api.rate_limits import TooManyAttempts
from app.i18n import gettext, gettext_noop
from app.web.choices import schema_choices
from app.web.email_links import LinkPage, read_token, show_invalid_link, show_link
from app.web.forms import Form, empty_form, parse_form
from app.web.password_reset import PASSWORD_ERRORS
from app.web.templating import redirect_with_message, render, render_with_problem, see_other

router = APIRouter()

VERIFY = LinkPage(
    Purpose.VERIFY_EMAIL,
    gettext_noop("Confirm your email address"),
    gettext_noop("Confirm your email address to activate your account."),
    gettext_noop("Confirm"),
    "/verify",
)

CONFIRMED = gettext_noop("Email address confirmed. You can now sign in.")
CHOOSE = gettext_noop("Email address confirmed. Choose a password.")
SENT = gettext_noop("If this address needs to be confirmed, we've sent another email.")

CHOICES = schema_choices(SignUp)

_SIGNED_UP = "signed-up"
"""Cookie of the browser that signed up: proof of that, and the email address for the next page."""


@router.get("/signup")
async def show_sign_up(request: Request, visitor: Visitor) -> Response:
    """Show the sign-up form; redirect users who are already signed in."""
    if visitor is not None:
        return see_other(request, request.app.state.home)
    return await _show(request, empty_form(SignUp))


@router.post("/signup", dependencies=[CsrfProtected])
async def sign_up(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient
) -> Response:
    """Create an account. The response is the same if it already exists; its owner gets an email."""
    form = await parse_form(request, SignUp)
    if form.data is None:
        return await _show(request, form)
    try:
        proof = await signup.sign_up(database, authenticator, form.data, client)
    except InvalidEmail as error:
        return await _show(request, form.with_errors(email=error.detail or gettext(error.title)))
    except PASSWORD_ERRORS as error:
        return await _show(request, form.with_errors(password=error.detail or gettext(error.title)))
    except TooManyAttempts as problem:
        return await render_with_problem(request, "signup.html", problem, {"form": form, "choices": CHOICES})
    response = see_other(request, "/signup/sent")
    ttl = authenticator.settings.verify_email_ttl
    cookies.set_cookie(request, response, _SIGNED_UP, f"{proof}.{quote(form.data.email)}", ttl)
    return response


@router.get("/signup/sent")
async def show_sign_up_sent(request: Request) -> Response:
    """Ask the user to check their email, and offer to resend it."""
    _, email = _signed_up(request)
    return await render(request, "signup_sent.html", {"form": Form(values={"email": email})})


@router.get("/verify/{token}")
async def show_verify_email(request: Request, session: SessionDep, token: str) -> Response:
    """Show the landing page of the link."""
    return await show_link(request, session, token, VERIFY)


@router.post("/verify", dependencies=[CsrfProtected])
async def verify_email(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient
) -> Response:
    """Verify the email address. In a browser that didn't sign up, the user chooses a new password first."""
    proof, _ = _signed_up(request)
    try:
        verified = await signup.verify_email(
            database, authenticator, await read_token(request), client, signup_proof=proof
        )
    except InvalidLink:
        return await show_invalid_link(request)
    if verified.reset_link_token is not None:
        return redirect_with_message(request, f"/password/reset/{verified.reset_link_token}", gettext(CHOOSE))
    response = redirect_with_message(request, "/login", gettext(CONFIRMED))
    cookies.delete_cookie(request, response, _SIGNED_UP)
    return response


@router.post("/verify/resend", dependencies=[CsrfProtected])
async def resend_verification(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient
) -> Response:
    """Resend the link. The response is the same if there is nothing to verify."""
    form = await parse_form(request, EmailAddress)
    if form.data is None:
        return await render(request, "signup_sent.html", {"form": form}, 422)
    try:
        await signup.resend_verification(database, authenticator, form.data.email, client)
    except TooManyAttempts as problem:
        return await render_with_problem(request, "signup_sent.html", problem, {"form": form})
    return redirect_with_message(request, "/signup/sent", gettext(SENT))


async def _show(request: Request, form: Form[SignUp]) -> Response:
    return await render(request, "signup.html", {"form": form, "choices": CHOICES}, form.status)


def _signed_up(request: Request) -> tuple[str, str]:
    """Return the proof that this browser signed up, and the email address; both empty if it did not."""
    proof, _, email = (cookies.get_cookie(request, _SIGNED_UP) or "").partition(".")
    return proof, unquote(email)
