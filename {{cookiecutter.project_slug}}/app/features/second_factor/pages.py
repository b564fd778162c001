"""Web pages for two-factor authentication: signing in, setup, recovery codes, turning it off."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi import Form as Field
from fastapi.responses import Response
from markupsafe import Markup

from app.accounts.api.dependencies import AuthenticatorDep
from app.accounts.browser import web_session
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageClient, PageScope, RecentPageScope
from app.accounts.sessions.login import EmailNotVerified
from app.api.dependencies import DatabaseDep, SessionDep
from app.api.rate_limits import TooManyAttempts
from app.features.second_factor import challenges, service
from app.features.second_factor.challenges import InvalidChallenge, WrongCode
from app.features.second_factor.schemas import CodeEntry
from app.features.second_factor.service import (
    SecondFactorAlreadyEnabled,
    SecondFactorNotEnabled,
    TotpEnrollment,
    WrongSetupCode,
)
from app.i18n import gettext, gettext_noop
from app.web.forms import Form, parse_form
from app.web.login import safe_redirect_path
from app.web.templating import NavItem, redirect_with_message, render, render_with_problem, see_other

router = APIRouter()
account_nav_item = NavItem(gettext_noop("Two-factor authentication"), "/account/second-factor", owner_only=True)

PATH = account_nav_item.path
_QR_CODE_PIXELS = 240  # with the white border; fits every phone

WRONG_CODE = gettext_noop("Incorrect code. Wait for the next one, and check that your device's clock is correct.")


@router.get("/login/second-factor")
async def show_challenge(
    request: Request, target: Annotated[str, Query(alias="next")] = "", *, remember: bool = False
) -> Response:
    """Ask for the code, after the password was correct."""
    if web_session.get_challenge(request) is None:
        return see_other(request, "/login")
    context = {"form": Form(), "next": safe_redirect_path(request, target), "remember": remember}
    return await render(request, "second_factor/challenge.html", context)


@router.post("/login/second-factor", dependencies=[CsrfProtected])
async def answer_challenge(
    request: Request,
    database: DatabaseDep,
    authenticator: AuthenticatorDep,
    client: PageClient,
    target: Annotated[str, Field(alias="next")] = "",
    *,
    remember: Annotated[bool, Field()] = False,
) -> Response:
    """Sign in if the code is correct."""
    form, challenge = await parse_form(request, CodeEntry), web_session.get_challenge(request)
    context = {"form": form, "next": safe_redirect_path(request, target), "remember": remember}
    if challenge is None:
        return see_other(request, "/login")
    if form.data is None:
        return await render(request, "second_factor/challenge.html", context, 422)
    try:
        user = await challenges.answer_challenge(database, authenticator, challenge, form.data.code, client)
    except InvalidChallenge:
        return redirect_with_message(
            request, "/login", gettext("Too many attempts, or the sign-in expired. Sign in again.")
        )
    except (WrongCode, TooManyAttempts) as problem:
        return await render_with_problem(request, "second_factor/challenge.html", problem, {**context, "form": Form()})
    response = see_other(request, safe_redirect_path(request, target))
    await web_session.complete_login(request, response, user, client, remember=remember)
    return response


@router.get(PATH)
async def show_second_factor(request: Request, session: SessionDep, scope: PageScope) -> Response:
    """Show whether two-factor authentication is on."""
    return await render(request, "second_factor/status.html", {"status": await service.read_status(session, scope)})


@router.get(f"{PATH}/add")
async def show_start_setup(request: Request, session: SessionDep, scope: RecentPageScope) -> Response:
    """Explain the setup."""
    if await service.is_enabled(session, scope.user_id):
        return see_other(request, PATH)
    return await render(request, "second_factor/setup.html")


@router.post(f"{PATH}/add", dependencies=[CsrfProtected])
async def start_setup(
    request: Request, session: SessionDep, authenticator: AuthenticatorDep, scope: RecentPageScope
) -> Response:
    """Create a secret and redirect to the page that shows it."""
    try:
        await service.start_setup(session, authenticator, scope, _issuer(request))
    except (EmailNotVerified, SecondFactorAlreadyEnabled) as problem:
        return await render_with_problem(request, "second_factor/setup.html", problem)
    return see_other(request, f"{PATH}/confirm")


@router.get(f"{PATH}/confirm")
async def show_confirm_setup(
    request: Request, session: SessionDep, authenticator: AuthenticatorDep, scope: RecentPageScope
) -> Response:
    """Show the QR code and the confirmation form."""
    try:
        setup = await service.get_setup(session, authenticator, scope, _issuer(request))
    except SecondFactorNotEnabled:
        return see_other(request, PATH)
    return await render(request, "second_factor/confirm.html", {"form": Form(), **_setup_context(setup)})


@router.post(f"{PATH}/confirm", dependencies=[CsrfProtected])
async def confirm_setup(
    request: Request,
    database: DatabaseDep,
    authenticator: AuthenticatorDep,
    scope: RecentPageScope,
    client: PageClient,
) -> Response:
    """Turn on two-factor authentication and show the recovery codes once."""
    form = await parse_form(request, CodeEntry)
    try:
        if form.data is not None:
            codes = await service.confirm_setup(database, authenticator, scope, form.data.code, client)
            return await render(request, "second_factor/recovery_codes.html", {"codes": codes})
    except WrongSetupCode:
        form = form.with_errors(code=gettext(WRONG_CODE))
    except SecondFactorNotEnabled:
        return see_other(request, PATH)
    async with database.read_sessions() as session:
        setup = await service.get_setup(session, authenticator, scope, _issuer(request))
    return await render(request, "second_factor/confirm.html", {"form": form, **_setup_context(setup)}, 422)


@router.get(f"{PATH}/recovery-codes")
async def show_replace_recovery_codes(request: Request, scope: RecentPageScope) -> Response:  # noqa: ARG001 - must be recent
    """Ask for confirmation."""
    return await render(request, "second_factor/recovery_codes_replace.html")


@router.post(f"{PATH}/recovery-codes", dependencies=[CsrfProtected])
async def replace_recovery_codes(
    request: Request,
    database: DatabaseDep,
    authenticator: AuthenticatorDep,
    scope: RecentPageScope,
    client: PageClient,
) -> Response:
    """Generate new codes and show them once."""
    codes = await service.replace_recovery_codes(database, authenticator, scope, client)
    return await render(request, "second_factor/recovery_codes.html", {"codes": codes})


@router.get(f"{PATH}/remove")
async def show_disable(request: Request, scope: RecentPageScope) -> Response:  # noqa: ARG001 - must be recent
    """Ask for confirmation."""
    return await render(request, "second_factor/disable.html")


@router.post(f"{PATH}/remove", dependencies=[CsrfProtected])
async def disable(
    request: Request, session: SessionDep, authenticator: AuthenticatorDep, scope: RecentPageScope, client: PageClient
) -> Response:
    """Turn off two-factor authentication."""
    await service.disable(session, authenticator, scope, client)
    return redirect_with_message(
        request, PATH, gettext("Two-factor authentication is off. Your other devices were signed out.")
    )


def _issuer(request: Request) -> str:
    """Return the name that authenticator apps show for the account."""
    return str(request.state.settings.project_name)


def _setup_context(setup: TotpEnrollment) -> dict[str, object]:
    """Return the QR code as SVG without inline styles, which the CSP forbids, and the secret in groups of four."""
    import segno  # noqa: PLC0415 - only needed here

    code = segno.make_qr(setup.uri, error="l")
    svg = code.svg_inline(scale=_QR_CODE_PIXELS / code.symbol_size(border=4)[0], border=4, light="#fff")
    grouped = " ".join(setup.secret[i : i + 4] for i in range(0, len(setup.secret), 4))
    return {"setup": setup, "qr_code": Markup(svg), "secret": grouped}  # noqa: S704 - segno's own
