"""Mounts the web pages, feature pages, static files and error pages."""

import pkgutil
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module

from fastapi import APIRouter, FastAPI
from jinja2 import Environment
from starlette.routing import NoMatchFound

from app import web
from app.api.staticfiles import CachedStaticFiles
from app.i18n import gettext_noop
from app.web.errors import register_error_pages
from app.web.templating import STATIC, NavItem, Section


def mount(  # noqa: PLR0913 - what features add, by kind
    app: FastAPI,
    templates: Environment,
    *,
    routers: Iterable[APIRouter],
    nav: Sequence[NavItem],
    account_nav: Sequence[NavItem],
    sections: Sequence[Section],
) -> None:
    """Mount the web pages with the routers, navigation entries and sections of features, after the admin."""
    for router in (*_routers(), *routers):
        app.include_router(router, include_in_schema=False)
    app.mount("/static", CachedStaticFiles(directory=STATIC), name="static")
    app.state.templates = templates
    app.state.home = _find_path(app, "show_home") or "/account"  # found once: a lookup tries all routes
    app.state.admin = _find_path(app, "admin:index")
    app.state.nav = nav
    app.state.account_nav = _account_nav(account_nav)
    app.state.sections = sections
    register_error_pages(app)


def _find_path(app: FastAPI, name: str) -> str | None:
    """Return the path of a page, or None if the project doesn't have it."""
    try:
        return app.url_path_for(name)
    except NoMatchFound:
        return None


def _account_nav(added: Iterable[NavItem]) -> list[NavItem]:
    """Insert the features' entries after those about credentials."""
    return [
        NavItem(gettext_noop("Profile"), "/account"),
        NavItem(gettext_noop("Password"), "/account/password", owner_only=True),
        NavItem(gettext_noop("Email"), "/account/email", owner_only=True),
        *added,
        NavItem(gettext_noop("Sessions"), "/account/sessions"),
        NavItem(gettext_noop("Activity"), "/account/activity"),
        NavItem(gettext_noop("Your data"), "/account/data", owner_only=True),
    ]


def _routers() -> Iterator[APIRouter]:
    """Discover the `router` of each module in this package, so that adding a file adds its pages."""
    for module in pkgutil.iter_modules(web.__path__, f"{web.__name__}."):
        router = getattr(import_module(module.name), "router", None)
        if isinstance(router, APIRouter):
            yield router
