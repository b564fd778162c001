"""Cached URLs of admin pages; the library searches all routes for each URL."""

from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus

from fastapi import Request
from starlette.datastructures import URLPath
from starlette.routing import Router
from starlette_admin.helpers import _carry_origin


class CachedURLRouter:
    """The app's router with cached lookups of URLs, which have no scheme and host."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self.url_path_for = lru_cache(maxsize=1_000)(self._find)

    def _find(self, name: str, /, **path_params: Any) -> URLPath:  # noqa: ANN401 - as in Starlette
        return URLPath(str(self._router.url_path_for(name, **path_params)))  # without the scheme


def detail_url(request: Request, key: str, pk: object) -> str:
    """Return the URL of a row's page, with the page to go back to."""
    return _row_url(request, "admin:detail", key, pk)


def edit_url(request: Request, key: str, pk: object) -> str:
    """Return the URL of a row's form, with the page to go back to."""
    return _row_url(request, "admin:edit", key, pk)


def _row_url(request: Request, page: str, key: str, pk: object) -> str:
    path = f"{request.base_url.path.rstrip('/')}{request.scope['router'].url_path_for(page, key=key)}"
    origin = _carry_origin(request)
    return f"{path}?pk={pk}&_origin={_quoted(origin)}" if origin else f"{path}?pk={pk}"  # keys need no quotes


_quoted = lru_cache(maxsize=100)(quote_plus)  # the same for all rows of a page
