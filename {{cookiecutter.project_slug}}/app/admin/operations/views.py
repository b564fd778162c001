"""The page with the checks of the installation."""

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette_admin import CustomView
from starlette_admin.base import BaseAdmin
from starlette_admin.routing import route

from app.accounts.permissions import BasePermission
from app.admin.base.permissions import has_permission
from app.api.dependencies import get_database
from app.i18n import gettext_noop
from app.operations.doctor.checks import run_checks
from app.operations.doctor.findings import Installation, Visit


class OperationsPermission(BasePermission):
    """Permissions of operators."""

    OPERATIONS_READ = "operations:read", gettext_noop("See the checks of the installation in the admin")


class DoctorView(CustomView):
    """The page, which runs the checks."""

    path = "/doctor"
    add_to_menu = False
    foot_label = gettext_noop("Installation")
    foot_route = "admin:show_doctor"

    def __init__(self, site: BaseAdmin) -> None:
        super().__init__()
        self.site = site

    def is_accessible(self, request: Request) -> bool:
        """Return whether the user may see the page."""
        return has_permission(request, OperationsPermission.OPERATIONS_READ)

    @route("", name="show_doctor")
    async def index(self, request: Request) -> Response:
        """Run the checks, except those that make no sense inside the server, and show what they found."""
        if not self.is_accessible(request):
            raise HTTPException(403)
        state, client = request.state, request.client
        visit = Visit(client.host if client else "", "X-Forwarded-For" in request.headers)
        installation = Installation(state.settings, get_database(request), visit)
        reports = await run_checks(installation, without={"port"})
        return self.site._template_response(request, "doctor.html", {"reports": reports})  # noqa: SLF001
