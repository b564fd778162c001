"""Where the admin is mounted: the library, with our session, transaction, policy and look."""

from collections.abc import Iterable, Sequence
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

from app.admin.auth import CsrfMiddleware, SessionAuthProvider
from app.admin.base import history
from app.admin.base.changed_data import detect_unchanged, load_selected_labels
from app.admin.base.dashboard import Chart, Metric
from app.admin.base.date_ranges import date_ranges
from app.admin.base.default_view import default_view
from app.admin.base.inlines import InlineSiteMixin
from app.admin.base.model_view import ModelView
from app.admin.csp import AdminMiddleware, NonceExtension
from app.admin.imports.imports import IMPORT_LIMITS, ImportSiteMixin, import_columns, import_match_fields
from app.admin.log_filters import filter_library_logs
from app.admin.urls import CachedURLRouter, detail_url, edit_url
from app.admin.views import events, mails
from app.admin.views.impersonation import ImpersonationView
from app.admin.views.roles import RoleView
from app.admin.views.sessions import SessionView
from app.admin.views.users import UserView
from app.api.dependencies import get_database, request_session
from app.api.middleware import SAFE_METHODS
from app.api.staticfiles import CachedStaticFiles
from app.database.base import UUIDv7Base
from app.settings.config import Environment, Settings
from app.settings.keys import KeyRing

ADMIN_DIR = Path(__file__).parent


def mount(
    app: FastAPI, settings: Settings, *, views: Sequence[type[ModelView]], models: Iterable[type[UUIDv7Base]]
) -> None:
    """Serve the admin at `/admin`, with the views of the features and a default view for each of their other models."""
    filter_library_logs()
    ours: list[type[ModelView]] = [UserView, RoleView, SessionView, *events.views, *mails.views]
    site = AdminSite(settings, [*_feature_views(views, [*models], ours), *ours])
    site.mount_to(Starlette())  # makes `site.app`; it is mounted here, in its frame
    site.app.add_exception_handler(Exception, _raise_again)
    frame = Middleware(AdminMiddleware, addresses=CachedURLRouter(app.router), settings=settings)
    app.router.routes.append(Mount("/admin", site.app, name="admin", middleware=[frame]))


def _feature_views(
    written: Sequence[type[ModelView]], models: Sequence[type[UUIDv7Base]], others: Sequence[type[ModelView]]
) -> list[type[ModelView]]:
    """Add default views; what the other views show can be picked in them, too."""
    # Views of accounts that have a key of their own are not for forms.
    shown = [view.model for view in (*written, *(view for view in others if view.key is None))]
    return [*written, *(default_view(model, {*shown, *models}) for model in models)]


class AdminSite(InlineSiteMixin, ImportSiteMixin):
    """The library's admin. It is not its SQLAlchemy variant, of which `Transaction` does all that is needed here."""

    def __init__(self, settings: Settings, views: Sequence[type[ModelView]]) -> None:
        super().__init__(
            title=settings.project_name,
            templates_dir=str(ADMIN_DIR / "templates"),
            index_view=DashboardView(self),
            auth_provider=SessionAuthProvider(),
            secret_key=KeyRing(settings).derive("admin").hex(),  # the same in every worker
            middlewares=[Middleware(DatabaseSessionMiddleware)],
            timezone_config=None,  # times are shown in UTC
            export_config=ExportConfig(max_rows=10_000),  # of a format that is made in memory
            import_config=IMPORT_LIMITS,
        )
        environment = self.templates.env
        environment.add_extension(NonceExtension)
        environment.trim_blocks = environment.lstrip_blocks = True  # a fifth less to send
        environment.auto_reload = settings.environment is Environment.DEVELOPMENT  # it looks at files for each row
        environment.globals["changed"] = lambda name: int((ADMIN_DIR / "static" / name).stat().st_mtime)
        environment.globals |= {
            "date_ranges": date_ranges,
            "detail_url": detail_url,
            "edit_url": edit_url,
            "import_columns": import_columns,
            "import_limits": IMPORT_LIMITS,
            "import_match_fields": import_match_fields,
        }
        # Before the library's own route, which would serve these files without a time for which they are good.
        packages: list[str | tuple[str, str]] = [("starlette_admin", "static")]
        self.routes.insert(
            0, Mount("/static", CachedStaticFiles(directory=ADMIN_DIR / "static", packages=packages), name="static")
        )
        for view in views:
            self.add_view(view)
        self.add_view(ImpersonationView(self))
        shown = [view for view in self._model_views if isinstance(view, ModelView)]
        for shown_view in shown:
            shown_view.link_relations(shown)
        for log_view in (view for view in self._model_views if isinstance(view, events.EventView)):
            log_view.views = self._model_views

    def _init_csrf(self) -> None:
        """Take our check in place of the library's."""
        self.middlewares.append(Middleware(CsrfMiddleware))

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
            request.state.history = await history.load_history(request, view, row)
        return row

    async def _parse_form_data(self, request: Request, form_data: FormData, view: Any) -> dict[str, Any]:  # noqa: ANN401
        """Read a form, and find out what it left as it was."""
        data = await super()._parse_form_data(request, form_data, view)
        return await detect_unchanged(request, view, data, getattr(request.state, "row", None))

    async def _render_form_body(self, request: Request, view: Any, obj: Any, *args: Any) -> None:  # noqa: ANN401
        """Draw a form, with the labels of what is chosen in it."""
        await load_selected_labels(request, view, obj, args[-1]["inlines"])
        await super()._render_form_body(request, view, obj, *args)

    async def show_dashboard(self, request: Request) -> Response:
        """Show what happened lately, and how many there are of everything that the visitor may see."""
        views = [view for view in self._model_views if isinstance(view, ModelView) and view.is_accessible(request)]
        counts = [(view, await view.count(request)) for view in views]
        panels = [(view, panel) for view in views for panel in await view.panels(request)]
        shown = {
            "counts": counts,
            "metrics": [(view, panel) for view, panel in panels if isinstance(panel, Metric)],
            "charts": [panel for _, panel in panels if isinstance(panel, Chart)],
        }
        return self._template_response(request, "home.html", shown)


class DashboardView(CustomView):
    """The first page."""

    route_name = "index"
    add_to_menu = False

    def __init__(self, site: AdminSite) -> None:
        super().__init__()
        self.site = site

    @route("")
    async def index(self, request: Request) -> Response:
        """Show it."""
        return await self.site.show_dashboard(request)


class DatabaseSessionMiddleware:
    """Give the library's views the session of the request.

    The library's own would take SQLite's only write lock to show a page, see app/database/base.py. On PostgreSQL a page
    needs a transaction too, for `large.py` sets in it how long a query may take.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open it, and run what the library runs after the commit."""
        request = Request(scope)
        database = get_database(request)
        only_reads = request.method in SAFE_METHODS and database.engine.dialect.name == "sqlite"
        async with request_session(request, database.read_sessions if only_reads else database.sessions) as session:
            request.state.session = session

            async def send_and_call_back(message: Message) -> None:
                await send(message)
                if message["type"] == "http.response.start" and message["status"] < HTTPStatus.BAD_REQUEST:
                    await run_on_commit_callbacks(request)

            await self.app(scope, receive, send_and_call_back)


async def _raise_again(request: Request, error: Exception) -> Response:  # noqa: ARG001
    raise error
