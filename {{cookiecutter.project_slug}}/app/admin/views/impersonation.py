"""Impersonation: confirmation page and form. Ending it is in app/web."""

from uuid import UUID

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette_admin import CustomView
from starlette_admin.base import BaseAdmin
from starlette_admin.routing import route

from app.accounts.api.dependencies import get_authenticator
from app.accounts.browser import cookies, web_session
from app.accounts.models import User
from app.accounts.sessions import impersonation
from app.accounts.users import UserNotFound
from app.admin.base.audit_log import get_admin_client


class ImpersonationView(CustomView):
    """The confirmation page before an admin signs in as another user."""

    path = "/impersonate"
    add_to_menu = False

    def __init__(self, site: BaseAdmin) -> None:
        super().__init__()
        self.site = site

    @route("", name="impersonate")
    async def index(self, request: Request) -> Response:
        """Show the confirmation page. Requires a recent sign-in."""
        scope, user = await web_session.require_visitor(request), await _find_user(request)
        session, authenticator = request.state.session, get_authenticator(request)
        await impersonation.require_impersonable(session, authenticator, scope, user)
        return self.site._template_response(request, "impersonate.html", {"user": user})  # noqa: SLF001 - as in the library's views

    @route("", methods=["POST"], name="start_impersonation")
    async def start(self, request: Request) -> Response:
        """Replace the session of the admin with one of the user."""
        scope, user = await web_session.require_visitor(request), await _find_user(request)
        session, authenticator, client = request.state.session, get_authenticator(request), get_admin_client(request)
        _, raw = await impersonation.start(session, authenticator, scope, user, client)
        response = RedirectResponse(request.url_for("show_account"), 303)
        cookies.set_cookie(request, response, cookies.SESSION, raw)
        return response


async def _find_user(request: Request) -> User:
    try:
        user_id = UUID(request.query_params.get("pk", ""))
    except ValueError:
        raise UserNotFound from None
    user: User | None = await request.state.session.get(User, user_id)
    if user is None:
        raise UserNotFound
    return user
