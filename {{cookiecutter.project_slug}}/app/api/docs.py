"""Self-hosted API docs (Swagger UI and ReDoc), without third-party requests.

Both viewers add inline styles, and ReDoc starts a worker from a blob, so these pages have their own content security
policy, still without inline scripts and other hosts. In a project with web pages, `app/web/docs.py` shows Swagger UI
in their layout.
"""

import json
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from app.api.openapi import build_document
from app.api.staticfiles import CachedStaticFiles
from app.settings.config import Environment, Settings
from app.theme import read_colors

CONTENT_SECURITY_POLICY = (
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
</head>
<body>
{body}
</body>
</html>
"""
_SIGN_IN = """<form class="wrapper" action="api/v1/auth/login" data-authorizes="json">
<label>Email <input name="email" type="email" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Authorize</button> <output id="authorized"></output>
</form>
"""
_SWAGGER = """<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>"""
_REDOC = """<style>
#redoc { display: flow-root; } /* the margin of what it shows first stays inside */
#redoc h5, #redoc h5 * { color: inherit !important; }
#redoc .react-tabs__tab--selected { color: #1f1b18 !important; }
</style>
<p style="margin: 0; padding: 0.75rem 1.25rem; font: 1rem system-ui">
<a href="docs">Back to the API console</a>
</p>
<div id="redoc"></div>
<script src="docs/redoc.js"></script>"""

_PACKAGE = Path(fastapi_offline.__file__).parent / "static"
_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"

router = APIRouter(include_in_schema=False)


def mount(app: FastAPI) -> None:
    """Serve Swagger UI at `/docs` and ReDoc at `/redoc`."""
    app.include_router(router)
    app.mount("/docs/assets", CachedStaticFiles(directory=_PACKAGE), name="docs-assets")
    app.openapi = lambda: build_document(app)  # type: ignore[method-assign]


def offers_password_form(settings: Settings) -> bool:
    """Return whether `/docs` shows the password form. https://www.rfc-editor.org/rfc/rfc9700#section-2.4"""
    return settings.auth.docs_password_form and settings.environment is not Environment.PRODUCTION


@router.get("/")
async def redirect_home(request: Request) -> RedirectResponse:
    """Redirect from `/` in a project without a home page."""
    return RedirectResponse(request.url_for("show_swagger"))


@router.get("/docs")
async def show_swagger(request: Request) -> HTMLResponse:
    """Show Swagger UI."""
    form = _SIGN_IN if offers_password_form(request.state.settings) else ""
    return HTMLResponse(
        _PAGE.format(body=form + _SWAGGER), headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    )


@router.get("/docs/start.js")
async def start_swagger() -> FileResponse:
    """Serve the script that starts Swagger UI."""
    return FileResponse(Path(__file__).with_name("docs.js"), media_type="text/javascript")


@router.get("/redoc")
async def show_redoc() -> HTMLResponse:
    """Show ReDoc."""
    return HTMLResponse(_PAGE.format(body=_REDOC), headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})


@router.get("/docs/redoc.js")
def load_redoc() -> Response:
    """Serve ReDoc without its logo, which would be a third-party request, and the script that starts it."""
    library = (_PACKAGE / "redoc.standalone.js").read_bytes().replace(_LOGO, b"data:,")
    start = Path(__file__).with_name("redoc.js").read_bytes()
    script = b"%b\nconst colors = %b;\n%b" % (library, json.dumps(read_colors()).encode(), start)
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "public, max-age=3600"})
