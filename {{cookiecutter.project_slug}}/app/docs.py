"""The API documentation, served from the project itself: no other host is asked for anything.

Both viewers write styles into the page, and ReDoc works in a blob: they get a policy of their own, which still
allows no inline script and no other host.
"""

from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, Response

from app.assets import Assets

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API documentation</title>
<link rel="icon" href="data:,">
{head}
</head>
<body>
{body}
</body>
</html>
"""

_SWAGGER = _PAGE.format(
    head='<link rel="stylesheet" href="docs/assets/swagger-ui.css">',
    body='<div id="swagger-ui"></div>\n<script src="docs/assets/swagger-ui-bundle.js"></script>\n'
    '<script src="docs/start.js"></script>',
)
_START = """SwaggerUIBundle({
  url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, persistAuthorization: false,
});
"""
_REDOC = _PAGE.format(
    head="",
    body='<redoc spec-url="openapi.json"></redoc>\n<script src="docs/assets/redoc.standalone.js"></script>',
)

router = APIRouter(include_in_schema=False)


def mount(app: FastAPI) -> None:
    """Serve Swagger UI at `/docs` and ReDoc at `/redoc`."""
    app.include_router(router)
    assets = Path(fastapi_offline.__file__).parent / "static"
    app.mount("/docs/assets", Assets(directory=assets), name="docs-assets")


@router.get("/docs")
async def show_swagger() -> HTMLResponse:
    """Show Swagger UI."""
    return HTMLResponse(_SWAGGER, headers={"Content-Security-Policy": POLICY})


@router.get("/docs/start.js")
async def start_swagger() -> Response:
    """Start Swagger UI; a file, because the policy forbids inline scripts."""
    return Response(_START, media_type="text/javascript")


@router.get("/redoc")
async def show_redoc() -> HTMLResponse:
    """Show ReDoc."""
    return HTMLResponse(_REDOC, headers={"Content-Security-Policy": POLICY})
