"""Where the admin is mounted: the library, with our session, transaction, policy and look."""

import logging
from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.routing import Mount
from starlette_admin import CustomView
from starlette_admin.base import BaseAdmin
from starlette_admin.export import ExportConfig
from starlette_admin.helpers import run_on_commit_callbacks
from starlette_admin.routing import route

from app import features
from app.admin import accounts, events, mails
from app.admin.auth import FormCheck, SessionAuth
from app.admin.panels import Chart, Figure
from app.admin.policy import Frame, Nonces
from app.admin.views import ModelView
from app.assets import Assets
from app.http import get_database
from app.keys import KeyRing
from app.security import SAFE_METHODS
from app.settings import Settings

FOLDER = Path(__file__).parent


def mount(app: FastAPI, settings: Settings) -> None:
    """Serve the admin at `/admin`."""
    # Its log repeats what was entered, passwords included. What it raises is in ours.
    logging.getLogger("starlette_admin").setLevel(logging.CRITICAL)
    site = Site(
        settings,
        [
            *(view for found in features.exports("admin", "views", list) for view in found),
            *accounts.views,
            *events.views,
            *mails.views,
        ],
    )
    site.mount_to(Starlette())  # makes `site.app`; it is mounted here, in its frame
    site.app.add_exception_handler(Exception, _raise_again)
    app.router.routes.append(Mount("/admin", site.app, name="admin", middleware=[Middleware(Frame)]))


class Site(BaseAdmin):
    """The library's admin. It is not its SQLAlchemy variant, of which `Transaction` does all that is needed here."""

    def __init__(self, settings: Settings, views: Sequence[type[ModelView]]) -> None:
        super().__init__(
            title=settings.project_name,
            templates_dir=str(FOLDER / "templates"),
            index_view=Home(self),
            auth_provider=SessionAuth(),
            secret_key=KeyRing(settings).derive("admin").hex(),  # the same in every worker
            middlewares=[Middleware(Transaction)],
            timezone_config=None,  # times are shown in UTC
            export_config=ExportConfig(max_rows=10_000),  # an export is made in memory
        )
        environment = self.templates.env
        environment.add_extension(Nonces)
        environment.trim_blocks = environment.lstrip_blocks = True  # a fifth less to send
        environment.globals["changed"] = lambda name: int((FOLDER / "static" / name).stat().st_mtime)
        # Before the library's own route, which would serve these files without a time for which they are good.
        packages: list[str | tuple[str, str]] = [("starlette_admin", "static")]
        self.routes.insert(0, Mount("/static", Assets(directory=FOLDER / "static", packages=packages), name="static"))
        for view in views:
            self.add_view(view)

    def _init_csrf(self) -> None:
        """Take our check in place of the library's."""
        self.middlewares.append(Middleware(FormCheck))

    async def show_home(self, request: Request) -> Response:
        """Show what happened lately, and how many there are of everything that the visitor may see."""
        views = [view for view in self._model_views if isinstance(view, ModelView) and view.is_accessible(request)]
        counts = [(view, await view.count(request)) for view in views]
        panels = [(view, panel) for view in views for panel in await view.panels(request)]
        shown = {
            "counts": counts,
            "figures": [(view, panel) for view, panel in panels if isinstance(panel, Figure)],
            "charts": [panel for _, panel in panels if isinstance(panel, Chart)],
        }
        return self._template_response(request, "home.html", shown)


class Home(CustomView):
    """The first page."""

    route_name = "index"
    add_to_menu = False

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site

    @route("")
    async def index(self, request: Request) -> Response:
        """Show it."""
        return await self.site.show_home(request)


class Transaction(BaseHTTPMiddleware):
    """One session for each request: committed before the answer is sent, rolled back when it is a refusal.

    The library's own would take SQLite's only write lock to show a page, see app/database.py.
    """

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Open the session that the library's views use."""
        database = get_database(request)
        async with (database.reads if request.method in SAFE_METHODS else database.sessions)() as session:
            request.state.session = session
            response = await call_next(request)
            if response.status_code < 400:  # noqa: PLR2004
                await session.commit()
                await run_on_commit_callbacks(request)
        return response


async def _raise_again(request: Request, error: Exception) -> Response:  # noqa: ARG001
    raise error
