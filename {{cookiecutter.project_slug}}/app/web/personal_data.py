"""Data export and account deletion pages."""

import json

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts.api.dependencies import AuthenticatorDep
from app.accounts.browser import web_session
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageClient, PageScope, RecentPageScope, Visitor
from app.accounts.email_addresses import normalize_email
from app.accounts.lifecycle import personal_data
from app.accounts.users import LastAdmin
from app.api.dependencies import DatabaseDep
from app.api.schemas import Schema
from app.i18n import gettext, gettext_noop
from app.web.forms import Form, parse_form
from app.web.templating import render, render_with_problem, see_other

router = APIRouter(prefix="/account")

WRONG_EMAIL = gettext_noop("This doesn't match your email address.")


class Confirmation(Schema):
    """The email address, to prevent accidental deletion."""

    confirmation: str = ""


@router.get("/data")
async def show_data(request: Request, scope: PageScope) -> Response:  # noqa: ARG001 - must be signed in
    """Show the links to the export and the deletion page."""
    return await render(request, "account/data.html")


@router.get("/data/export")
async def export_data(database: DatabaseDep, client: PageClient, scope: PageScope) -> Response:
    """Download the account's data as a JSON file."""
    copy = await personal_data.export_account(database, scope, client)
    text = json.dumps(copy, default=str, ensure_ascii=False, indent=2)
    headers = {"Content-Disposition": 'attachment; filename="account.json"'}
    return Response(text, media_type="application/json", headers=headers)


@router.get("/delete")
async def show_delete_account(request: Request, scope: RecentPageScope) -> Response:  # noqa: ARG001 - must be signed in
    """Show the confirmation form."""
    return await render(request, "account/delete.html", {"form": Form()})


@router.post("/delete", dependencies=[CsrfProtected])
async def delete_account(
    request: Request, database: DatabaseDep, authenticator: AuthenticatorDep, client: PageClient, scope: RecentPageScope
) -> Response:
    """Delete the account and sign out."""
    form = await parse_form(request, Confirmation)
    if normalize_email(form.value("confirmation")) != normalize_email(scope.email):
        form = form.with_errors(confirmation=gettext(WRONG_EMAIL))
        return await render(request, "account/delete.html", {"form": form}, 422)
    try:
        await personal_data.delete_account(database, authenticator, scope, client)
    except LastAdmin as problem:
        return await render_with_problem(request, "account/delete.html", problem, {"form": form})
    response = see_other(request, "/account/deleted")
    web_session.clear_session_cookies(request, response)
    return response


@router.get("/deleted")
async def show_deleted(request: Request, visitor: Visitor) -> Response:
    """Show that the account was deleted."""
    if visitor is not None:
        return see_other(request, "/account")
    return await render(request, "account/deleted.html")
