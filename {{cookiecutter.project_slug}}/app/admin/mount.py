"""The admin site: starlette-admin with this project's sessions, transactions, permissions and templates."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_admin import CustomView
from starlette_admin.export import ExportConfig
from starlette_admin.helpers import run_on_commit_callbacks
from starlette_admin.routing import route

from app.admin.auth import CsrfMiddleware, SessionAuthProvider
from app.admin.base import history
from app.admin.base.changed_data import load_selected_labels
from app.admin.base.dashboard import Chart, Metric, count_rows
from app.admin.base.default_view import default_view
from app.admin.base.inlines import InlineSiteMixin, InlineView
from app.admin.base.labels import translate_labels
from app.admin.base.menu import menu_sections
from app.admin.base.model_view import ModelView
from app.admin.csp import AdminMiddleware
from app.admin.imports.imports import ImportSiteMixin
from app.admin.imports.upload import import_limits
from app.admin.log_filters import filter_library_logs
from app.admin.templating import configure_environment
from app.admin.transfers.pages import TransferView
from app.admin.urls import CachedURLRouter
from app.admin.views.emails import EmailView
from app.admin.views.events import EventView
from app.admin.views.impersonation import ImpersonationView
from app.admin.views.roles import RoleView
from app.admin.views.sessions import SessionView
from app.admin.views.users import UserView
from app.api.dependencies import close_request_session, get_database, open_request_session
from app.api.middleware import SAFE_METHODS
from app.api.staticfiles import CachedStaticFiles
from app.database.base import Base
from app.settings.config import Environment, Settings
from app.settings.keys import KeyRing

ADMIN_DIR = Path(__file__).parent


def mount(
    app: FastAPI,
    settings: Settings,
    *,
    views: Sequence[type[ModelView]],
    inlines: Sequence[type[InlineView]],
    models: Iterable[type[Base]],
) -> None:
    """Serve the admin at `/admin`, with the views of the features and a default view for each of their other models."""
    filter_library_logs()
    core: list[type[ModelView]] = [UserView, RoleView, SessionView, EventView, EmailView, *_job_views()]
    site = AdminSite(settings, [*core, *_feature_views(views, [*models], core)], inlines)
    site.mount_to(Starlette())  # creates `site.app`, which is mounted below, with middleware
    site.app.add_exception_handler(Exception, _reraise)
    app.state.admin_site = site  # for jobs
    middleware = Middleware(AdminMiddleware, url_router=CachedURLRouter(app.router), settings=settings)
    app.router.routes.append(Mount("/admin", site.app, name="admin", middleware=[middleware]))


def _job_views() -> list[type[ModelView]]:
    """Return the views of jobs, whose folder can be deleted."""
    name = "app.admin.jobs"
    return import_module(f"{name}.views").views if find_spec(name) else []


def _feature_views(
    views: Sequence[type[ModelView]], models: Sequence[type[Base]], core: Sequence[type[ModelView]]
) -> list[type[ModelView]]:
    """Add default views. Their forms can refer to each model that has a view.

    Core views with a key (events, sessions, emails) are excluded: their rows can't be selected in forms.
    """
    related = {*models, *(view.model for view in views), *(view.model for view in core if view.key is None)}
    return [*views, *(default_view(model, related) for model in models)]


class AdminSite(InlineSiteMixin, ImportSiteMixin):
    """The admin. The library's SQLAlchemy subclass isn't needed: `DatabaseSessionMiddleware` replaces it."""

    def __init__(
        self, settings: Settings, views: Sequence[type[ModelView]], inlines: Sequence[type[InlineView]]
    ) -> None:
        super().__init__(
            title=settings.project_name,
            templates_dir=str(ADMIN_DIR / "templates"),
            index_view=DashboardView(self),
            auth_provider=SessionAuthProvider(),
            secret_key=KeyRing(settings).derive("admin").hex(),  # the same in every worker
            middlewares=[Middleware(DatabaseSessionMiddleware)],
            timezone_config=None,  # times are shown in UTC
            export_config=ExportConfig(max_rows=10_000),  # for formats that are built in memory
            import_config=import_limits(settings),
        )
        configure_environment(
            self.templates.env, import_limits(settings), reload=settings.environment is Environment.DEVELOPMENT
        )
        # Before the library's own route, which would serve these files without a cache lifetime.
        packages: list[str | tuple[str, str]] = [("starlette_admin", "static")]
        self.routes.insert(
            0, Mount("/static", CachedStaticFiles(directory=ADMIN_DIR / "static", packages=packages), name="static")
        )
        for view in views:
            self.add_view(view)
        self.add_view(ImpersonationView(self))
        self.add_view(TransferView(self))
        if find_spec("app.admin.operations"):  # the folder can be deleted
            self.add_view(import_module("app.admin.operations.views").DoctorView(self))
        model_views = [view for view in self._model_views if isinstance(view, ModelView)]
        for model_view in model_views:
            model_view.add_inlines([inline for inline in inlines if inline.parent is model_view.model])
            model_view.link_relations(model_views)
            if isinstance(model_view, EventView):
                model_view.views = model_views
        self.routes[:0] = [route for model_view in model_views for route in model_view.get_routes()]
        for model_view in model_views:
            for each in (model_view, *model_view._inline_instances):  # noqa: SLF001 - the library's
                translate_labels(each)

    def _init_csrf(self) -> None:
        """Use this project's CSRF check instead of the library's."""
        self.middlewares.append(Middleware(CsrfMiddleware))

    async def _find_object_or_404(
        self,
        request: Request,
        view: Any,  # noqa: ANN401
        key: str | None,
        pk: str | None,
        action: str,
    ) -> Any:  # noqa: ANN401
        """Return the row of a page, and load its history for a detail page."""
        row = request.state.row = await super()._find_object_or_404(request, view, key, pk, action)
        if action == "detail":
            request.state.history = await history.load_history(request, view, row)
        return row

    async def _render_form_body(self, request: Request, view: Any, obj: Any, *args: Any) -> None:  # noqa: ANN401
        """Render a form with the labels of the selected rows."""
        await load_selected_labels(request, view, obj, args[-1]["inlines"])
        request.state.form_errors = {
            name: error if isinstance(error, dict | list) else str(error)  # the library's are translated when shown
            for name, error in (args[0] or {}).items()
        }
        await super()._render_form_body(request, view, obj, *args)

    async def show_dashboard(self, request: Request) -> Response:
        """Show recent activity, and the number of rows in each view that the user can access."""
        sections = menu_sections(request, self._model_views)
        views = [view for members in sections.values() for view in members]
        panels = [(view, panel) for view in views for panel in await view.panels(request)]
        context = {
            "sections": sections,
            "counts": await count_rows(request, views),
            "metrics": [(view, panel) for view, panel in panels if isinstance(panel, Metric)],
            "charts": [panel for _, panel in panels if isinstance(panel, Chart)],
        }
        return self._template_response(request, "dashboard.html", context)


class DashboardView(CustomView):
    """The dashboard, the first page of the admin."""

    route_name = "index"
    add_to_menu = False

    def __init__(self, site: AdminSite) -> None:
        super().__init__()
        self.site = site

    @route("")
    async def index(self, request: Request) -> Response:
        """Render the dashboard."""
        return await self.site.show_dashboard(request)


class DatabaseSessionMiddleware:
    """Open the request's database session for the library's views.

    The library's own middleware would take SQLite's only write lock to show a page, see app/database/engine.py. On
    PostgreSQL a page needs a transaction too, because app/admin/base/query_limits.py sets a statement timeout in it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open a session, and run the library's callbacks after the commit."""
        request = Request(scope)
        database = get_database(request)
        only_reads = request.method in SAFE_METHODS and database.engine.dialect.name == "sqlite"
        sessions = database.read_sessions if only_reads else database.sessions
        request.state.session = open_request_session(request, sessions)

        async def send_and_call_back(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start" and message["status"] < HTTPStatus.BAD_REQUEST:
                await run_on_commit_callbacks(request)

        try:
            await self.app(scope, receive, send_and_call_back)
        except BaseException:
            await close_request_session(scope, commit=False)  # before the error page, which also uses the database
            raise


async def _reraise(request: Request, error: Exception) -> Response:  # noqa: ARG001
    raise error
