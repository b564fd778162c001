"""Authentication and CSRF protection of the admin, using the site's session."""

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette import types as asgi
from starlette.datastructures import UploadFile
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.routing import Route
from starlette.templating import Jinja2Templates
from starlette_admin.auth import AdminUser, BaseAuthProvider
from starlette_admin.i18n import set_locale as set_library_locale

from app.accounts.api.dependencies import PermissionDenied
from app.accounts.browser import csrf, web_session
from app.accounts.permissions import Permission
from app.accounts.scope import Scope
from app.api.middleware import SAFE_METHODS
from app.i18n import current_locale

MAX_FORM_BYTES = 20_000_000
"""Maximum size of a form with its files, which is read into memory."""


class SessionAuthProvider(BaseAuthProvider):
    """Authentication provider that uses the site's session."""

    async def authenticate(self, request: Request) -> AdminUser | None:
        """Return the signed-in user. Errors are handled as on web pages: a redirect to `/login`, or 403."""
        if request.scope["path"].startswith(f"{request.scope['root_path']}/static/"):
            return None  # the library authenticates requests for static files too
        visitor = await web_session.require_visitor(request)
        visitor.forbid_impersonation()  # no access while signed in as another user
        if not visitor.has_permission(Permission.ADMIN_ACCESS):
            raise PermissionDenied
        set_library_locale(current_locale())
        return AdminUser(visitor.email)

    def get_routes(self, templates: Jinja2Templates) -> list[Route]:  # noqa: ARG002 - there is no form
        """Add the route that "Sign out" in the menu posts to. The library expects this name."""
        return [Route("/logout", logout, methods=["POST"], name="logout")]


def get_visitor(request: Request) -> Scope:
    """Return the signed-in user, whom `SessionAuthProvider` has authenticated."""
    visitor: Scope = request.scope["state"]["visitor"]  # faster than `request.state`: lists ask for each row
    return visitor


async def logout(request: Request) -> Response:
    """Sign out of the whole site."""
    response = RedirectResponse(request.url_for("show_login"), 303)
    await web_session.logout(request, response)
    return response


class CsrfMiddleware(BaseHTTPMiddleware):
    """CSRF protection with a token that is bound to the session.

    The library's own token is bound to a cookie that a subdomain can set. Its templates and scripts send this one under
    the library's names.
    """

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Skip the base class, which is slow, for safe methods."""
        request = Request(scope)
        if request.method not in SAFE_METHODS:
            await super().__call__(scope, receive, send)
            return
        request.state.csrf_token = csrf.csrf_token(request)
        await self.app(scope, receive, send)

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Check the token of an unsafe request, and pass a token to the page."""
        if request.url.path.endswith(("/create", "/edit")):
            request.state.max_body_bytes = MAX_FORM_BYTES
        csrf.verify_csrf(request, await _sent_token(request))
        request.state.csrf_token = csrf.csrf_token(request)
        uploads: list[UploadFile] = []
        request.state.uploads = uploads
        try:
            return await call_next(request)
        finally:
            for upload in uploads:
                await upload.close()


async def _sent_token(request: Request) -> str:
    if sent := request.headers.get("x-csrftoken"):
        return sent
    await request.body()  # cached by the base class, so that the form can be read again
    async with request.form() as form:
        return str(form.get("csrftoken", ""))
