"""Pages from templates: one environment, and what every template may count on.

    visitor        who is signed in, or none
    nav            what the features put in the menu
    account_nav    the menu of the account, for pages that extend `account/frame.html`
    notice         what the form before this page did, to be said once
    refusal        the problem for which a form is shown again, or none
    site           the project's name, and the paths of the parts that are there
    root           the path of `BASE_URL`, empty as a rule: every link begins with it, `href="{{ root }}/notes"`
    path           of this page below it, to mark it in the menu
    csrf_field()   the hidden field that every form with method="post" needs
    static(name)   the address of a file in `static/`, which changes when the file does

Templates are looked for in `app/web/templates` and in each feature's `templates/`. What they print is escaped, and
a name that does not exist is an error.
"""

from collections.abc import Mapping
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.routing import Mount, NoMatchFound

from app import features
from app.accounts import browser, csrf
from app.accounts.dependencies import get_authenticator
from app.accounts.permissions import Permission
from app.accounts.scope import Scope
from app.errors import Problem
from app.settings import Settings
from app.web.notices import drop_notice, leave_notice, take_notice
from app.web.values import in_words, titled
from app.web.words import name_device, name_happening, name_wait

STATIC = Path(__file__).parent / "static"

_CSRF_FIELD = Markup('<input type="hidden" name="csrf_token" value="{}">')


class NavItem(NamedTuple):
    """A feature's entry in a menu and, with a sentence about it, on the home page."""

    label: str
    path: str
    about: str = ""
    permission: Permission | None = None
    """Who lacks it does not see the entry."""


class Site(NamedTuple):
    """The project, as the templates know it; parts that are not there have no path."""

    name: str
    home: str
    admin: str | None
    shortest_password: int
    api_keys: bool
    """Whether there are API keys, or other tokens that end with the sessions."""
    mails: str | None
    """Where mails are shown while you develop."""


async def render(
    request: Request, name: str, context: Mapping[str, object] | None = None, status: int = 200
) -> HTMLResponse:
    """Answer with a template, for whoever is signed in."""
    await browser.reissue_when_due(request)
    return render_quickly(request, name, context, status)


async def refuse(
    request: Request, name: str, problem: Problem, context: Mapping[str, object] | None = None
) -> HTMLResponse:
    """Show a form again, and above it why it was refused."""
    response = await render(request, name, {**(context or {}), "refusal": problem}, problem.status)
    if wait := problem.headers.get("Retry-After"):
        response.headers["Retry-After"] = wait
    return response


def render_quickly(
    request: Request, name: str, context: Mapping[str, object] | None = None, status: int = 200
) -> HTMLResponse:
    """Do the same without asking the database, which may be what has failed: knows a visitor only who was found."""
    visitor: Scope | None = getattr(request.state, "visitor", None)
    root = _settings(request).root_path
    shared = {
        "visitor": visitor,
        "nav": [item for item in request.app.state.nav if _may_see(visitor, item)],
        "account_nav": request.app.state.account_nav,
        "notice": take_notice(request),
        "refusal": None,
        "site": _site(request, visitor),
        "root": root,
        "path": request.url.path.removeprefix(root),
        "static": partial(_static, root),
        "csrf_field": partial(_csrf_field, request),
    }
    response = HTMLResponse(_environment().get_template(name).render({**shared, **(context or {})}), status)
    browser.keep_cookies(request, response)
    drop_notice(request, response)
    return response


def see_other(request: Request, path: str) -> RedirectResponse:
    """Redirect to a path of the project after a form, so that loading the page again does not submit it twice."""
    return RedirectResponse(_settings(request).root_path + path, 303)


def done(request: Request, path: str, notice: str) -> RedirectResponse:
    """Do the same, and have the next page say what was done."""
    response = see_other(request, path)
    leave_notice(request, response, notice)
    return response


@lru_cache
def _environment() -> Environment:
    folders = [Path(__file__).parent / "templates", *features.find_template_folders()]
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "words": in_words,
        "titled": titled,
        "device": name_device,
        "happening": name_happening,
        "wait": name_wait,
    }
    return environment


def _may_see(visitor: Scope | None, item: NavItem) -> bool:
    return item.permission is None or (visitor is not None and visitor.may(item.permission))


def _site(request: Request, visitor: Scope | None) -> Site:
    """Name what is there; the admin only to people who may use it."""
    try:
        home: str = request.app.url_path_for("show_home")
    except NoMatchFound:  # pages were not chosen
        home = "/account"
    mounts = {route.path for route in request.app.routes if isinstance(route, Mount)}
    may_admin = "/admin" in mounts and visitor is not None and visitor.may(Permission.ADMIN_ACCESS)
    settings = _settings(request)
    return Site(
        settings.project_name,
        home,
        "/admin/" if may_admin else None,
        settings.auth.password_min_length,
        bool(get_authenticator(request).bearer_schemes),
        "/dev/mail" if settings.shows_mails else None,
    )


def _settings(request: Request) -> Settings:
    settings: Settings = request.state.settings
    return settings


def _static(root: str, name: str) -> str:
    """Return the address of a static file, with a mark of its content."""
    path = STATIC / name
    return f"{root}/static/{name}?v={_digest(path, path.stat().st_mtime_ns)}"


def _csrf_field(request: Request) -> Markup:
    return _CSRF_FIELD.format(csrf.csrf_token(request))


@lru_cache
def _digest(path: Path, changed_ns: int) -> str:  # noqa: ARG001 - asked anew when the file has changed
    return sha256(path.read_bytes()).hexdigest()[:12]
