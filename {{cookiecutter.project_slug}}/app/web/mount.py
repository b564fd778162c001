"""Mounts the web pages, feature pages, static files and error pages."""

import pkgutil
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path

from fastapi import APIRouter, FastAPI

from app import web
from app.api.staticfiles import CachedStaticFiles
from app.web.errors import register_error_pages
from app.web.templating import STATIC, NavItem, build_environment


def mount(
    app: FastAPI,
    *,
    routers: Iterable[APIRouter],
    nav: Sequence[NavItem],
    account_nav: Sequence[NavItem],
    template_folders: Iterable[Path],
) -> None:
    """Mount the web pages with the routers, navigation entries and templates of features."""
    for router in (*_routers(), *routers):
        app.include_router(router, include_in_schema=False)
    app.mount("/static", CachedStaticFiles(directory=STATIC), name="static")
    app.state.templates = build_environment(template_folders)
    app.state.nav = nav
    app.state.account_nav = _account_nav(account_nav)
    register_error_pages(app)


def _account_nav(added: Iterable[NavItem]) -> list[NavItem]:
    """Insert the features' entries after those about credentials."""
    return [
        NavItem("Profile", "/account"),
        NavItem("Password", "/account/password"),
        NavItem("Email", "/account/email"),
        *added,
        NavItem("Sessions", "/account/sessions"),
        NavItem("Activity", "/account/activity"),
        NavItem("Your data", "/account/data"),
    ]


def _routers() -> Iterator[APIRouter]:
    """Discover the `router` of each module in this package, so that adding a file adds its pages."""
    for module in pkgutil.iter_modules(web.__path__, f"{web.__name__}."):
        router = getattr(import_module(module.name), "router", None)
        if isinstance(router, APIRouter):
            yield router
