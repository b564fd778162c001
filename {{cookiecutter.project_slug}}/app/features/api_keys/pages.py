"""Account pages for API keys."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from app.accounts.api.dependencies import AuthenticatorDep
from app.accounts.browser.csrf import CsrfProtected
from app.accounts.browser.web_session import PageClient, PageScope, RecentPageScope
from app.accounts.permissions import BasePermission, describe
from app.accounts.scope import Scope
from app.api.dependencies import SessionDep
from app.database.base import utc_now
from app.features.api_keys import service
from app.features.api_keys.models import ApiKey
from app.features.api_keys.schemas import Access, ApiKeyBase, ApiKeyCreate
from app.features.api_keys.service import TooManyApiKeys
from app.i18n import gettext, gettext_noop
from app.web.forms import Form, parse_form
from app.web.templating import NavItem, redirect_with_message, render, render_with_problem

router = APIRouter(prefix="/account/api-keys")
account_nav_item = NavItem(gettext_noop("API keys"), "/account/api-keys", owner_only=True)


async def get_key(session: SessionDep, scope: RecentPageScope, key_id: UUID) -> ApiKey:
    """Return the key from the path."""
    return await service.get_key(session, scope, key_id)


KeyDep = Annotated[ApiKey, Depends(get_key)]


@router.get("")
async def list_api_keys(request: Request, session: SessionDep, scope: PageScope) -> Response:
    """List the user's keys, newest first."""
    keys = await service.list_keys(session, scope)
    return await render(request, "api_keys/list.html", {"keys": keys, "now": utc_now(), "describe": describe})


@router.get("/new")
async def show_new_api_key(request: Request, scope: RecentPageScope) -> Response:
    """Show the form."""
    form: Form[ApiKeyBase] = Form(values={"expires_in_days": "90"})
    return await render(request, "api_keys/new.html", _form_context(scope, form, {Access.READ}))


@router.post("/new", dependencies=[CsrfProtected])
async def create_api_key(
    request: Request, session: SessionDep, authenticator: AuthenticatorDep, scope: RecentPageScope, client: PageClient
) -> Response:
    """Create a key and show it once."""
    sent = await request.form()
    selected = {item for item in service.grantable_scopes(scope) if item in sent}
    form = await parse_form(request, ApiKeyBase)
    if not selected:
        form = form.with_errors(scopes=gettext("Select at least one permission."))
    if form.data is None:
        return await render(request, "api_keys/new.html", _form_context(scope, form, selected), 422)
    data = ApiKeyCreate(**form.data.model_dump(), scopes=selected)
    try:
        key, raw = await service.create_key(session, authenticator, scope, data, client)
    except TooManyApiKeys as problem:
        return await render_with_problem(request, "api_keys/new.html", problem, _form_context(scope, form, selected))
    return await render(request, "api_keys/created.html", {"key": key, "raw": raw, "permissions": describe(key.scopes)})


@router.get("/{key_id}/revoke")
async def show_revoke_api_key(request: Request, key: KeyDep) -> Response:
    """Ask for confirmation."""
    return await render(request, "api_keys/revoke.html", {"key": key})


@router.post("/{key_id}/revoke", dependencies=[CsrfProtected])
async def revoke_api_key(request: Request, session: SessionDep, client: PageClient, key: KeyDep) -> Response:
    """Revoke the key."""
    await service.revoke_key(session, key, client)
    return redirect_with_message(request, "/account/api-keys", gettext("Revoked API key “%(name)s”.", name=key.name))


def _form_context(scope: Scope, form: Form[ApiKeyBase], selected: set[Access | BasePermission]) -> dict[str, object]:
    """Return the entered values and the permissions that the user can grant."""
    return {"form": form, "selected": selected, "permissions": service.grantable_scopes(scope)[len(Access) :]}
