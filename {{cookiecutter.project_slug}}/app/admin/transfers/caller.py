"""The request that a job passes to the admin's views."""

from typing import Any

from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette_admin import RequestAction
from starlette_admin.i18n import set_locale as set_library_locale

from app.accounts.api.dependencies import get_client
from app.accounts.models import User
from app.accounts.permissions import Permission
from app.accounts.scope import AccountDisabled, load_scope
from app.admin.urls import CachedURLRouter
from app.i18n import current_locale, gettext, set_locale
from app.jobs.errors import JobFailed
from app.jobs.run import JobRun


class Caller(BaseModel):
    """What a job needs from the request that started it."""

    locale: str
    ip: str
    user_agent: str
    request_id: str

    @classmethod
    def of(cls, request: Request) -> "Caller":
        """Return the caller of a request."""
        client = get_client(request)
        return cls(locale=current_locale(), ip=client.ip, user_agent=client.user_agent, request_id=client.request_id)


def no_permission() -> JobFailed:
    """Return the error for a user who lost a permission since they started the job."""
    return JobFailed(gettext("You no longer have the permission for this."))


async def request_of(run: JobRun, caller: Caller, action: RequestAction) -> Request:
    """Return a request of the job's user with their current permissions; texts are in their language from now on.

    Raises:
        JobFailed: the user may no longer use the admin.
    """
    set_locale(caller.locale)
    set_library_locale(caller.locale)
    async with run.database.read_sessions() as session:
        user = await session.get(User, run.owner_id)
        try:
            visitor = await load_scope(session, user) if user else None
        except AccountDisabled:
            visitor = None
    if visitor is None or not visitor.has_permission(Permission.ADMIN_ACCESS):
        raise no_permission()
    app: FastAPI = run.state.get_app()
    state = {**vars(run.state), "visitor": visitor, "request_id": caller.request_id, "action": action, "session": None}
    return Request(
        {
            "type": "http",
            "method": "POST",
            "scheme": "http",
            "path": "/admin/",
            "root_path": run.settings.root_path,
            "query_string": b"",
            "headers": [(b"user-agent", caller.user_agent.encode())],
            "client": (caller.ip, 0),
            "server": None,
            "app": app,
            "router": CachedURLRouter(app.router),
            "state": state,
        }
    )


def find_view(request: Request, key: str) -> Any:  # noqa: ANN401 - a ModelView
    """Return the view with this key.

    Raises:
        JobFailed: there is none, as after a deployment.
    """
    try:
        return request.app.state.admin_site._find_view_by_key(key)  # noqa: SLF001
    except HTTPException as error:
        raise JobFailed(gettext("These records are no longer in the admin.")) from error
