"""Where the web part is mounted: its pages, the features' pages, static files, and errors for people."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from fastapi import APIRouter, FastAPI

from app import features, web
from app.assets import Assets
from app.web.errors import show_errors_as_pages
from app.web.rendering import STATIC, NavItem


def mount(app: FastAPI) -> None:
    """Serve the pages."""
    for router in (*_routers(), *features.read_exports("pages", "router", APIRouter)):
        app.include_router(router, include_in_schema=False)
    app.mount("/static", Assets(directory=STATIC), name="static")
    app.state.nav = features.read_offers("pages", "nav", NavItem)
    app.state.account_nav = _account_nav()
    show_errors_as_pages(app)


def _account_nav() -> list[NavItem]:
    """Put what the features add to the account between what proves who one is and what happened."""
    return [
        NavItem("Profile", "/account"),
        NavItem("Password", "/account/password"),
        NavItem("E-mail", "/account/email"),
        *features.read_offers("pages", "account_entry", NavItem),
        NavItem("Sessions", "/account/sessions"),
        NavItem("Activity", "/account/activity"),
        NavItem("Your data", "/account/data"),
    ]


def _routers() -> Iterator[APIRouter]:
    """Find the `router` of each module beside this one, so that a page is added by adding its file."""
    for module in pkgutil.iter_modules(web.__path__, f"{web.__name__}."):
        router = getattr(import_module(module.name), "router", None)
        if isinstance(router, APIRouter):
            yield router
