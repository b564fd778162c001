"""Template rendering: the Jinja environment and the variables that every template has.

    visitor         scope of the signed-in user, or none
    nav             navigation entries of the features
    account_nav     navigation of the account pages, which extend `account/layout.html`
    flash_message   message of the previous request, shown once
    sections        what features add to this page, such as the comments of an article (`Section`)
    problem         problem to show above the form, or none
    language        language of the page (`app.i18n.Language`); `languages` are those on offer
    site            project name, and the paths of the optional parts (`SiteContext`)
    root            path of `BASE_URL`, usually empty; start every link with it: `href="{{ root }}/notes"`
    path            path of this page, without `root`
    csrf_field()    hidden CSRF field; required in every form with method="post"
    static(name)    URL of a file in `static/`, with a content hash
    _(text)         the text in the language of the page, see app/i18n.py

Templates are searched in `app/web/templates`, then in each feature's `templates/`. Output is escaped; undefined names
are errors.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache, lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app import i18n
from app.accounts.api.dependencies import get_authenticator
from app.accounts.browser import csrf, web_session
from app.accounts.permissions import BasePermission, Permission
from app.accounts.scope import Scope
from app.errors import Problem
from app.settings.config import Environment as Deployment
from app.settings.config import Settings
from app.theme import STYLESHEET
from app.web.choices import MAX_CHOICES, yes_no_choices
from app.web.flash import clear_flash, get_flash, set_flash
from app.web.formatting import badge, display_value, time_tag, titled
from app.web.latest import Latest
from app.web.template_filters import device_label, event_label, field_label, format_wait

STATIC = Path(__file__).parent / "static"

_CSRF_FIELD = Markup('<input type="hidden" name="csrf_token" value="{}">')


class NavItem(NamedTuple):
    """A navigation entry, also shown with a description on the home page."""

    label: str
    path: str
    description: str = ""
    permission: BasePermission | None = None
    """Permission required to see the entry."""
    public: bool = False
    """Whether visitors see the entry: its page can be opened without signing in."""
    latest: Latest | None = None
    """The rows that the home page shows; their pages are below `path`."""
    owner_only: bool = False
    """Whether the page is refused to an administrator who signed in as the user."""


class Section(NamedTuple):
    """What a feature adds to the page of another one, such as the comments of an article."""

    page: str
    """The template of the page, which renders its sections: `articles/show.html`."""
    template: str
    """The template of the section, which has the page's variables and `section`."""
    load: Callable[[Request, Mapping[str, Any]], Awaitable[Mapping[str, object] | None]]
    """Returns `section` from the variables of the page; None to omit the section."""


class SiteContext(NamedTuple):
    """Site information for templates; paths of missing parts are empty."""

    name: str
    description: str
    home: str
    admin: str | None
    password_min_length: int
    api_keys: bool
    """Whether there are API keys or other bearer tokens that signing out everywhere revokes."""
    dev_mailbox: str | None
    """Path of the development mailbox."""
    in_development: bool


async def render(
    request: Request, name: str, context: Mapping[str, object] | None = None, status: int = 200
) -> HTMLResponse:
    """Render a template for the current user."""
    await web_session.rotate_session_if_due(request)
    added = [item for item in request.app.state.sections if item.page == name]
    loaded = [(item.template, await item.load(request, context or {})) for item in added]
    sections = [{"template": template, **values} for template, values in loaded if values is not None]
    return render_template(request, name, {**(context or {}), "sections": sections}, status)


async def render_with_problem(
    request: Request, name: str, problem: Problem, context: Mapping[str, object] | None = None
) -> HTMLResponse:
    """Render a form again with a problem above it."""
    response = await render(request, name, {**(context or {}), "problem": problem}, problem.status)
    if wait := problem.headers.get("Retry-After"):
        response.headers["Retry-After"] = wait
    return response


def render_template(
    request: Request, name: str, context: Mapping[str, object] | None = None, status: int = 200
) -> HTMLResponse:
    """Render without a database query, for error pages: `visitor` is None unless the request looked it up."""
    visitor: Scope | None = getattr(request.state, "visitor", None)
    is_impersonated = visitor is not None and visitor.impersonator is not None
    state, root = request.app.state, _settings(request).root_path
    language = i18n.describe_language(i18n.current_locale())
    shared = {
        "visitor": visitor,
        "nav": [item for item in state.nav if may_see(visitor, item)],
        "account_nav": [item for item in state.account_nav if not (item.owner_only and is_impersonated)],
        "flash_message": get_flash(request),
        "problem": None,
        "site": _site(request, visitor),
        "path": request.scope["path"].removeprefix(root),
        "csrf_field": cache(partial(_csrf_field, request)),
        "language": language,
    }
    templates: Environment = state.templates
    response = HTMLResponse(templates.get_template(name).render({**shared, **(context or {})}), status)
    if len(i18n.available_locales()) > 1:
        response.headers["Content-Language"] = language.tag
        response.headers["Vary"] = "Accept-Language, Cookie"
    web_session.set_pending_cookies(request, response)
    clear_flash(request, response)
    return response


def see_other(request: Request, path: str) -> RedirectResponse:
    """Redirect after a form submission (303, Post/Redirect/Get)."""
    return RedirectResponse(_settings(request).root_path + path, 303)


def redirect_with_message(request: Request, path: str, message: str) -> RedirectResponse:
    """Redirect with a flash message."""
    response = see_other(request, path)
    set_flash(request, response, message)
    return response


def build_environment(settings: Settings, folders: Iterable[Path]) -> Environment:
    """Build the Jinja environment; `folders` are searched after `app/web/templates`."""
    environment = Environment(
        auto_reload=settings.environment is Deployment.DEVELOPMENT,
        cache_size=-1,  # without a limit, a template is found faster
        loader=FileSystemLoader([Path(__file__).parent / "templates", *folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    i18n.add_translations(environment)
    environment.globals |= {
        "languages": [i18n.describe_language(locale) for locale in i18n.available_locales()],
        "max_choices": MAX_CHOICES,
        "root": settings.root_path,
        "yes_no_choices": yes_no_choices,
        "static": _static(settings.root_path, changes=environment.auto_reload),
    }
    environment.filters |= {
        "badge": badge,
        "display": display_value,
        "time_tag": time_tag,
        "titled": titled,
        "device_label": device_label,
        "event_label": event_label,
        "field_label": field_label,
        "in_sentence": i18n.in_sentence,
        "wait": format_wait,
    }
    return environment


def may_see(visitor: Scope | None, item: NavItem) -> bool:
    """Return whether the user, or a visitor, sees the entry."""
    if visitor is None:
        return item.public
    return item.permission is None or visitor.has_permission(item.permission)


def _site(request: Request, visitor: Scope | None) -> SiteContext:
    """Return the site context; it includes the admin only for users with access."""
    state, settings = request.app.state, _settings(request)
    may_admin = visitor is not None and visitor.has_permission(Permission.ADMIN_ACCESS)
    return SiteContext(
        settings.project_name,
        settings.project_description,
        state.home,
        state.admin if may_admin else None,
        settings.auth.password_min_length,
        bool(get_authenticator(request).bearer_schemes),
        "/dev/mail" if settings.shows_dev_mailbox else None,
        settings.environment is Deployment.DEVELOPMENT,
    )


def _settings(request: Request) -> Settings:
    settings: Settings = request.state.settings
    return settings


def _static(root: str, *, changes: bool) -> Callable[[str], str]:
    """Return the function `static`; it looks at each file once, unless the files change."""

    def static(name: str) -> str:
        files = STATIC / name, STYLESHEET
        return f"{root}/static/{name}?v={_digest(files, *(file.stat().st_mtime_ns for file in files))}"

    return static if changes else cache(static)


def _csrf_field(request: Request) -> Markup:
    return _CSRF_FIELD.format(csrf.csrf_token(request))


@lru_cache
def _digest(files: tuple[Path, ...], *changed_ns: int) -> str:  # noqa: ARG001 - part of the cache key
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
