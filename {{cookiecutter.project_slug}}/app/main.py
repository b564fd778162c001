"""Application factory: builds the app and mounts every part."""

import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import cache, partial
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace

from app import features
from app.accounts.api import refresh_cookie
from app.accounts.api import routes as accounts
from app.accounts.api.idempotency import IdempotencyMiddleware
from app.accounts.credentials.authenticator import BearerScheme, SecondFactor, build_authenticator
from app.accounts.lifecycle import jobs as account_jobs  # noqa: F401 - defines the daily cleanup
from app.accounts.lifecycle.cleanup import CleanupTask

# {%- if cookiecutter.admin +%}
from app.admin.mount import mount as mount_admin

# {%- endif +%}
from app.api import docs, health, openapi
from app.api.client_ip import ClientIPHeader
from app.api.cors import CrossOriginRequests
from app.api.error_handlers import openapi_responses, register_exception_handlers
from app.api.lifespan_state import LifespanState
from app.api.live_connections import LiveConnections, end_at_shutdown
from app.api.logs import configure_app_logger
from app.api.middleware import RequestMiddleware
from app.api.routing import index_routes
from app.database import delete_protection, revisions, self_references  # noqa: F401 - two register session events
from app.database.connection import Database, build_database, open_database
from app.errors import Conflict, InvalidRequest
from app.files import jobs as file_jobs  # noqa: F401 - registered, to run here
from app.files.store import FileStore
from app.i18n import available_locales
from app.jobs.processes import jobs_in_server
from app.live.broker import build_broker
from app.mail.transports import warn_of_unsent_emails

# {%- if cookiecutter.deploy +%}
from app.operations import observability
from app.operations.backup import jobs as backup_jobs  # noqa: F401 - registered, to run here

# {%- endif +%}
from app.settings.config import AUTHOR, LICENSE, Settings, load_settings

# {%- if cookiecutter.pages or cookiecutter.admin +%}
from app.web.mount import mount as mount_web
from app.web.templating import NavItem, Section, build_environment

# {%- endif +%}

logger = logging.getLogger(__name__)

_API = "/api/v1"


def create_app(settings: Settings | None = None) -> FastAPI:
    """Create the app; tests pass their own settings."""
    settings = settings or load_settings()
    # {%- if cookiecutter.deploy +%}
    observability.start(settings)
    # {%- endif +%}
    features.load_models()
    features.load_permissions()
    features.load_jobs()
    available_locales()  # so that an invalid catalog prevents the start
    routers = features.read_exports("live", "router", APIRouter) + features.read_exports("routes", "router", APIRouter)
    state = LifespanState(partial(open_without_lifespan, settings))

    app = FastAPI(
        title=settings.project_name,
        lifespan=lambda app: state.share(lifespan(settings, app)),
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        description=openapi.DESCRIPTION,
        servers=[{"url": settings.root_path or "/"}],
        contact={"name": AUTHOR},
        license_info={"name": LICENSE, "identifier": LICENSE},
        openapi_tags=openapi.openapi_tags(features.import_modules("routes")),
        telemetry=_telemetry(),
    )
    app.add_middleware(IdempotencyMiddleware)
    # Add your own middleware here, the outermost last. It is inside RequestMiddleware, so its requests are within the
    # limits, its responses get an ID and the headers, and the transaction is committed after it, by the final status.
    app.add_middleware(RequestMiddleware, settings=settings, open_state=state.get)
    if settings.server.trusted_proxies:
        from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware  # noqa: PLC0415 - imports all of Uvicorn

        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.server.trusted_proxies))
        if settings.server.client_ip_header:
            app.add_middleware(ClientIPHeader, name=settings.server.client_ip_header)
    if settings.server.cors_origins:
        # Added last, so it is the outermost middleware and its headers apply to all responses.
        app.add_middleware(CrossOriginRequests, settings=settings, credentialed_path=f"{_API}{refresh_cookie.PREFIX}/")
    register_exception_handlers(app)

    # {%- if cookiecutter.admin +%}
    mount_admin(
        app,
        settings,
        views=[view for views in features.read_exports("admin", "views", list) for view in views],
        inlines=[item for found in features.read_optional_exports("admin", "inlines", list) for item in found],
        models=features.models_without("admin"),
    )
    # {%- endif +%}
    app.include_router(health.router)
    # {%- if cookiecutter.deploy +%}
    observability.mount(app, settings)
    # {%- endif +%}
    for router in (*routers, *accounts.routers):
        prefix = "" if f"{router.prefix}/".startswith("/api/") else _API
        app.include_router(router, prefix=prefix, responses=openapi_responses(InvalidRequest))
    app.include_router(accounts.jwks_router)
    # {%- if cookiecutter.pages or cookiecutter.admin +%}
    mount_web(
        app,
        build_environment(settings, features.find_template_folders()),
        routers=features.read_exports("pages", "router", APIRouter),
        nav=features.read_optional_exports("pages", "nav", NavItem),
        account_nav=features.read_optional_exports("pages", "account_nav_item", NavItem),
        sections=features.read_optional_exports("pages", "section", Section),
    )
    # {%- endif +%}
    docs.mount(app)
    index_routes(app)
    _check_root_path(app, settings.root_path)
    return app


@asynccontextmanager
async def lifespan(settings: Settings, app: FastAPI | None = None) -> AsyncIterator[Mapping[str, Any]]:
    """Lifespan: open process-wide resources, available on `request.state`, and work in the background."""
    configure_app_logger(settings)
    async with open_state(settings, app) as state:
        live = end_at_shutdown(state["connections"])
        async with jobs_in_server(settings, state["database"], state), live:
            yield state


@asynccontextmanager
async def open_state(settings: Settings, app: FastAPI | None = None) -> AsyncIterator[Mapping[str, Any]]:
    """Open process-wide resources, for requests and jobs."""
    async with AsyncExitStack() as stack:
        state = build_state(settings, await stack.enter_async_context(open_database(settings.database)), app)
        await stack.enter_async_context(aclosing(state["authenticator"].rate_limiter))
        await stack.enter_async_context(aclosing(state["broker"]))
        # {%- if cookiecutter.deploy +%}
        await stack.enter_async_context(observability.observe(settings, state, app))
        # {%- endif +%}
        yield state


def open_without_lifespan(settings: Settings) -> Mapping[str, Any]:
    """Open process-wide resources for a server or a client that runs no lifespan."""
    configure_app_logger(settings)
    if settings.jobs.in_server:
        logger.warning("no lifespan: run `app worker` to send emails, delete expired rows and run other jobs")
    return build_state(settings, build_database(settings.database))


def build_state(settings: Settings, database: Database, app: FastAPI | None = None) -> Mapping[str, Any]:
    """Build what `request.state` provides. It connects when it is used."""
    warn_of_unsent_emails(settings)
    authenticator = build_authenticator(
        settings,
        database,
        template_folders=features.find_template_folders(),
        second_factors=features.read_exports("login", "second_factor", SecondFactor),
        bearer_schemes=features.read_exports("bearer", "scheme", BearerScheme),
    )
    return {
        "settings": settings,
        "database": database,
        "authenticator": authenticator,
        "connections": LiveConnections(settings.server, database),
        "get_app": cache(lambda: app or create_app(settings)),  # for jobs; a worker builds it on first use
        "broker": build_broker(settings, database),
        "files": FileStore(settings.files),
        "cleanup_tasks": features.read_exports("cleanup", "task", CleanupTask),
        "revisions": revisions.code_revisions(),
    }


def _check_root_path(app: FastAPI, root_path: str) -> None:
    """Reject a `BASE_URL` whose path is also a route, because a stripped prefix would be ambiguous."""
    paths = [route.path or "" for route in iter_route_contexts(app.routes)] if root_path else []
    if any(f"{path}/".startswith(f"{root_path}/") for path in paths):
        raise Conflict(f"BASE_URL can't end in {root_path}: the project uses that path itself.")


def _telemetry() -> TelemetryConfig | None:
    """Let FastAPI record telemetry only if OpenTelemetry is set up, because it looks for it at each request."""
    is_off = isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    automatic = os.environ.get("FASTAPI_OTEL_AUTO_CONFIGURE", "false").lower() == "true"
    return {"tracing": False, "metrics": False, "logs": False} if is_off and not automatic else None


def _operation_id(route: APIRoute) -> str:
    """Use the function name as operation ID, so that generated clients have readable names."""
    return route.name


def __dir__() -> list[str]:
    return [*globals(), "app"]


def __getattr__(name: str) -> FastAPI:
    """Build `app.main:app` for other servers when they ask for it; `app serve` and tests call `create_app`."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault("app", create_app())  # type: ignore[no-any-return]
