"""Application factory: builds the app and mounts every part."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from importlib.util import find_spec
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.middleware.cors import CORSMiddleware

from app import features
from app.accounts.api import routes as accounts
from app.accounts.credentials.authenticator import BearerScheme, SecondFactor, build_authenticator
from app.accounts.lifecycle.cleanup import CleanupTask, scheduled_cleanup

# {%- if cookiecutter.admin +%}
from app.admin.mount import mount as mount_admin

# {%- endif +%}
from app.api import docs, health
from app.api.error_handlers import openapi_responses, register_exception_handlers
from app.api.middleware import RequestMiddleware
from app.api.routing import index_routes
from app.database import delete_protection, revisions, self_references  # noqa: F401 - two register session events
from app.database.connection import open_database
from app.errors import Conflict, InvalidRequest
from app.i18n import available_locales
from app.mail.delivery import mail_delivery
from app.settings.config import Settings, load_settings

# {%- if cookiecutter.pages or cookiecutter.admin +%}
from app.web.mount import mount as mount_web
from app.web.templating import NavItem, Section, build_environment

# {%- endif +%}

EXPOSED_HEADERS = ["Content-Disposition", "ETag", "Link", "Location", "Retry-After", "WWW-Authenticate", "X-Request-ID"]


def create_app(settings: Settings | None = None) -> FastAPI:
    """Create the app; tests pass their own settings."""
    settings = settings or load_settings()
    features.load_models()
    features.load_permissions()
    available_locales()  # so that an invalid catalog prevents the start
    routers = features.read_exports("routes", "router", APIRouter)

    app = FastAPI(
        title=settings.project_name,
        lifespan=lambda _: lifespan(settings),
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        description=docs.DESCRIPTION,
        openapi_tags=docs.openapi_tags(features.import_modules("routes")),
        # Without OpenTelemetry's SDK, which sends what is recorded, looking for it at each request is wasted time.
        telemetry=None if find_spec("opentelemetry.sdk") else {"tracing": False, "metrics": False, "logs": False},
    )
    # Add your own middleware here, the outermost last. It is inside RequestMiddleware, so its requests are within the
    # limits, its responses get an ID and the headers, and the transaction is committed after it, by the final status.
    app.add_middleware(RequestMiddleware, settings=settings)
    if settings.server.cors_origins:
        app.add_middleware(  # added last, so it is the outermost middleware and its headers apply to all responses
            CORSMiddleware,
            allow_origins=settings.server.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],  # safe, because the API reads no cookies
            expose_headers=EXPOSED_HEADERS,
        )
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
    for router in (*routers, *accounts.routers):
        prefix = "" if f"{router.prefix}/".startswith("/api/") else "/api/v1"
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
async def lifespan(settings: Settings) -> AsyncIterator[Mapping[str, Any]]:
    """Lifespan: open process-wide resources, available on `request.state`."""
    async with open_database(settings.database) as database:
        authenticator = build_authenticator(
            settings,
            database,
            template_folders=features.find_template_folders(),
            second_factors=features.read_exports("login", "second_factor", SecondFactor),
            bearer_schemes=features.read_exports("bearer", "scheme", BearerScheme),
        )
        sending = mail_delivery(settings, database, authenticator.keys, authenticator.mailer)
        tasks = features.read_exports("cleanup", "task", CleanupTask)
        cleaning = scheduled_cleanup(settings.cleanup, database, tasks)
        async with aclosing(authenticator.rate_limiter), sending, cleaning:
            yield {
                "settings": settings,
                "database": database,
                "authenticator": authenticator,
                "revisions": revisions.code_revisions(),
            }


def _check_root_path(app: FastAPI, root_path: str) -> None:
    """Reject a `BASE_URL` whose path is also a route, because a stripped prefix would be ambiguous."""
    paths = [route.path or "" for route in iter_route_contexts(app.routes)] if root_path else []
    if any(f"{path}/".startswith(f"{root_path}/") for path in paths):
        raise Conflict(f"BASE_URL can't end in {root_path}: the project uses that path itself.")


def _operation_id(route: APIRoute) -> str:
    """Use the function name as operation ID, so that generated clients have readable names."""
    return route.name
