"""Profile page."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts import users
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageScope
from app.accounts.schemas import AccountRead, AccountUpdate
from app.accounts.users import FieldTaken
from app.api.dependencies import SessionDep
from app.i18n import available_locales, describe_language, gettext
from app.web.choices import Choice, schema_choices
from app.web.forms import Form, form_from_record, parse_form
from app.web.templating import redirect_with_message, render

router = APIRouter()

CHOICES = {
    **schema_choices(AccountUpdate),
    "locale": [Choice(locale, describe_language(locale).name) for locale in available_locales()],
}


@router.get("/account")
async def show_account(request: Request, scope: PageScope, session: SessionDep) -> Response:
    """Show the profile form."""
    user = await users.get_account(session, scope)
    return await _show(request, user, form_from_record(AccountUpdate, user))


@router.post("/account", dependencies=[CsrfProtected])
async def update_account(request: Request, scope: PageScope, session: SessionDep) -> Response:
    """Update the profile."""
    user = await users.get_account(session, scope)
    form = await parse_form(request, AccountUpdate, user)
    if form.data is None:
        return await _show(request, user, form)
    try:
        await users.update_account(session, user, form.data)
    except FieldTaken as error:
        await session.rollback()
        return await _show(request, user, form.with_problem(error))
    return redirect_with_message(request, "/account", gettext("Profile saved."))


async def _show(request: Request, user: AccountRead, form: Form[AccountUpdate]) -> Response:
    context = {"form": form, "user": user, "choices": CHOICES}
    return await render(request, "account/profile.html", context, form.status)
