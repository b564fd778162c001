"""Static files with the theme: the style sheet of the pages, which contains it, and the icon in its accent color."""

import re
from hashlib import sha256

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app import theme
from app.web.templating import STATIC

router = APIRouter(prefix="/static")

_VARIABLE = re.compile(r"var\(--([\w-]+)\)")


@router.get("/theme.css")
def read_theme(request: Request) -> Response:
    """Return the theme alone, for the admin."""
    return _cached(request, _read_theme(), "text/css")


@router.get("/site.css")
def read_stylesheet(request: Request) -> Response:
    """Return the styles of the pages in one file, because the browser waits for each before it draws the page."""
    return _cached(request, _read_theme() + (STATIC / "site.css").read_text(encoding="utf-8"), "text/css")


@router.get("/icon.svg")
def read_icon(request: Request) -> Response:
    """Return the logo and favicon, in colors of the light theme: style sheets don't apply in images."""
    colors, svg = theme.read_colors(), (STATIC / "icon.svg").read_text(encoding="utf-8")
    return _cached(request, _VARIABLE.sub(lambda found: colors[found[1]].light, svg), "image/svg+xml")


def _read_theme() -> str:
    return theme.STYLESHEET.read_text(encoding="utf-8")


def _cached(request: Request, text: str, media_type: str) -> Response:
    """Return the file, or 304 if the browser has the current version, as `CachedStaticFiles` does."""
    etag = f'"{sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"Cache-Control": "public, max-age=3600", "ETag": etag}
    request.scope["state"]["is_static_file"] = True
    if request.headers.get("If-None-Match") == etag:
        return Response(None, 304, headers)
    return Response(text, headers=headers, media_type=media_type)
