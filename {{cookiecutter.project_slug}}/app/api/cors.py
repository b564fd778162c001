"""Cross-origin requests from the front ends in `SERVER_CORS_ORIGINS`."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.settings.config import Settings

EXPOSED_HEADERS = [
    "Content-Disposition",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
]


class CrossOriginRequests:
    """CORS middleware; only paths that start with `credentialed_path` can be read with cookies.

    Front ends on the same site send the cookies of the pages, too. Without `Access-Control-Allow-Credentials`, they
    can't read what they get.
    """

    def __init__(self, app: ASGIApp, settings: Settings, credentialed_path: str) -> None:
        self._without_cookies = _cors(app, settings.server.cors_origins)
        self._with_cookies = _cors(app, sorted(settings.allowed_origins), allow_credentials=True)
        self._root_path, self._credentialed_path = settings.root_path, credentialed_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        path = scope.get("path", "").removeprefix(self._root_path)  # proxies may have stripped it
        with_cookies = path.startswith(self._credentialed_path)
        await (self._with_cookies if with_cookies else self._without_cookies)(scope, receive, send)


def _cors(app: ASGIApp, origins: Sequence[str], *, allow_credentials: bool = False) -> CORSMiddleware:
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["*"],
        allow_headers=["*"],
        allow_credentials=allow_credentials,
        expose_headers=EXPOSED_HEADERS,
    )
