"""Cached URLs of admin pages; the library searches all routes for each URL."""

from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import quote_plus

from fastapi import Request
from jinja2 import pass_context
from jinja2.runtime import Context
from starlette.datastructures import URL, URLPath
from starlette.routing import NoMatchFound, Router
from starlette_admin.helpers import _carry_origin

_PARTS = "admin_row_url_parts"  # key in the request's scope


class CachedURLRouter:
    """The app's router with cached lookups of URLs, which have no scheme and host."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self.url_path_for = lru_cache(maxsize=1_000)(self._find)

    @cached_property
    def home(self) -> str | None:
        """The path of the home page, or None in a project without pages."""
        try:
            return str(self._find("show_home"))
        except NoMatchFound:
            return None

    def _find(self, name: str, /, **path_params: Any) -> URLPath:  # noqa: ANN401 - as in Starlette
        return URLPath(str(self._router.url_path_for(name, **path_params)))  # without the scheme


def detail_url(request: Request, key: str, pk: object) -> str:
    """Return the URL of a row's page, with the page to go back to."""
    return _row_url(request, "admin:detail", key, pk)


def edit_url(request: Request, key: str, pk: object) -> str:
    """Return the URL of a row's form, with the page to go back to."""
    return _row_url(request, "admin:edit", key, pk)


@pass_context
def url_for(context: Context, name: str, /, **path_params: str) -> URL:
    """Return the URL of a page for a template."""
    return URL(path_for(context["request"], name, **path_params))


@pass_context
def home_url(context: Context) -> str | None:
    """Return the URL of the home page, or None in a project without pages."""
    request: Request = context["request"]
    home: str | None = request.scope["router"].home
    return home and f"{request.base_url.path.rstrip('/')}{home}"


def static_url(request: Request, path: str, v: object) -> str:
    """Return the URL of a static file, with its version."""
    return f"{path_for(request, 'admin:static', path=path)}?v={v}"


def _row_url(request: Request, page: str, key: str, pk: object) -> str:
    parts = request.scope.setdefault(_PARTS, {})  # the same for all rows of a page
    if (page, key) not in parts:
        origin = _carry_origin(request)
        parts[page, key] = f"{path_for(request, page, key=key)}?pk=", f"&_origin={quote_plus(origin)}" if origin else ""
    before, after = parts[page, key]
    return f"{before}{quote_plus(str(pk))}{after}"


def path_for(request: Request, name: str, /, **path_params: str) -> str:
    """Return the path of a page."""
    return f"{request.base_url.path.rstrip('/')}{request.scope['router'].url_path_for(name, **path_params)}"
