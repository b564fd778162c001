"""Where the admin is mounted: the library, with our session, transaction, policy and look."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_admin import CustomView
from starlette_admin.export import ExportConfig
from starlette_admin.helpers import run_on_commit_callbacks
from starlette_admin.routing import route

from app.admin import accounts, history, log, mails
from app.admin.addresses import Addresses, detail_url, edit_url
from app.admin.auth import FormCheck, SessionAuth
from app.admin.default import feature_views
from app.admin.impersonation import Impersonation
from app.admin.imports import LIMITS, Imports, import_columns, import_matches
from app.admin.inlines import InlineRows
from app.admin.kept import compare, label_chosen
from app.admin.panels import Chart, Figure
from app.admin.policy import Frame, Nonces
from app.admin.ranges import date_ranges
from app.admin.refusals import is_refusal
from app.admin.views import ModelView
from app.assets import Assets
from app.dependencies import get_database, request_session
from app.keys import KeyRing
from app.security import SAFE_METHODS
from app.settings import Environment, Settings

FOLDER = Path(__file__).parent


def mount(app: FastAPI, settings: Settings) -> None:
    """Serve the admin at `/admin`."""
    logging.getLogger("starlette_admin").setLevel(logging.WARNING)  # lower levels repeat searches and passwords
    logging.getLogger("starlette_admin.contrib.sqla.view").addFilter(_is_for_the_log)
    ours = [*accounts.views, *log.views, *mails.views]
    site = Site(settings, [*feature_views(ours), *ours])
    site.mount_to(Starlette())  # makes `site.app`; it is mounted here, in its frame
    site.app.add_exception_handler(Exception, _raise_again)
    frame = Middleware(Frame, addresses=Addresses(app.router), settings=settings)
    app.router.routes.append(Mount("/admin", site.app, name="admin", middleware=[frame]))


class Site(InlineRows, Imports):
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
            export_config=ExportConfig(max_rows=10_000),  # of a format that is made in memory
            import_config=LIMITS,
        )
        environment = self.templates.env
        environment.add_extension(Nonces)
        environment.trim_blocks = environment.lstrip_blocks = True  # a fifth less to send
        environment.auto_reload = settings.environment is Environment.DEVELOPMENT  # it looks at files for each row
        environment.globals["changed"] = lambda name: int((FOLDER / "static" / name).stat().st_mtime)
        environment.globals |= {
            "date_ranges": date_ranges,
            "detail_url": detail_url,
            "edit_url": edit_url,
            "import_columns": import_columns,
            "import_limits": LIMITS,
            "import_matches": import_matches,
        }
        # Before the library's own route, which would serve these files without a time for which they are good.
        packages: list[str | tuple[str, str]] = [("starlette_admin", "static")]
        self.routes.insert(0, Mount("/static", Assets(directory=FOLDER / "static", packages=packages), name="static"))
        for view in views:
            self.add_view(view)
        self.add_view(Impersonation(self))
        shown = [view for view in self._model_views if isinstance(view, ModelView)]
        for shown_view in shown:
            shown_view.link_relations(shown)
        for log_view in (view for view in self._model_views if isinstance(view, log.EventView)):
            log_view.views = self._model_views

    def _init_csrf(self) -> None:
        """Take our check in place of the library's."""
        self.middlewares.append(Middleware(FormCheck))

    async def _find_object_or_404(
        self,
        request: Request,
        view: Any,  # noqa: ANN401
        key: str | None,
        pk: str | None,
        action: str,
    ) -> Any:  # noqa: ANN401
        """Find the row of a page; with its history, where that is shown."""
        row = request.state.row = await super()._find_object_or_404(request, view, key, pk, action)
        if action == "detail":
            request.state.history = await history.load(request, view, row)
        return row

    async def _parse_form_data(self, request: Request, form_data: FormData, view: Any) -> dict[str, Any]:  # noqa: ANN401
        """Read a form, and find out what it left as it was."""
        data = await super()._parse_form_data(request, form_data, view)
        return await compare(request, view, data, getattr(request.state, "row", None))

    async def _render_form_body(self, request: Request, view: Any, obj: Any, *args: Any) -> None:  # noqa: ANN401
        """Draw a form, with the labels of what is chosen in it."""
        await label_chosen(request, view, obj, args[-1]["inlines"])
        await super()._render_form_body(request, view, obj, *args)

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


class Transaction:
    """Give the library's views the session of the request.

    The library's own would take SQLite's only write lock to show a page, see app/database.py. On PostgreSQL a page
    needs a transaction too, for `large.py` sets in it how long a query may take.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open it, and run what the library runs after the commit."""
        request = Request(scope)
        database = get_database(request)
        only_reads = request.method in SAFE_METHODS and database.engine.dialect.name == "sqlite"
        async with request_session(request, database.reads if only_reads else database.sessions) as session:
            request.state.session = session

            async def send_and_call_back(message: Message) -> None:
                await send(message)
                if message["type"] == "http.response.start" and message["status"] < HTTPStatus.BAD_REQUEST:
                    await run_on_commit_callbacks(request)

            await self.app(scope, receive, send_and_call_back)


def _is_for_the_log(record: logging.LogRecord) -> bool:
    """Leave out the tracebacks of what a form explains, such as a title that is taken."""
    error = record.exc_info[1] if record.exc_info else None
    return error is None or not is_refusal(error)


async def _raise_again(request: Request, error: Exception) -> Response:  # noqa: ARG001
    raise error
