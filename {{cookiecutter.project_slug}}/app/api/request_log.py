"""Request IDs and the request log."""

import logging
import re
import time
from collections.abc import Callable

from starlette.types import Scope
from uuid_utils import uuid7

from app.api.live_connections import CREDENTIAL
from app.api.response_headers import RequestHeaders
from app.log_context import Work, current_work

logger = logging.getLogger("app.requests")

observers: list[Callable[[Scope, str, int, float], None]] = []
"""Called for each finished request and WebSocket, with its scope, method, status or close code, and seconds.

`scope["state"]["work"]` has its statements.
"""

# Path segments that may be tokens: emailed tokens have 43 characters, IDs have 36.
_LONG_SEGMENT = re.compile(r"/[^/]{40,}")
_PLAIN_PATH = re.compile(r"(?:/[!-.0-\[\]-~]{0,39})*")  # printable ASCII without backslashes or long segments

_VALID_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")


def assign_request_id(scope: Scope, headers: RequestHeaders) -> str:
    """Return the request ID sent by the client, or generate one; the log and `request.state.request_id` have it."""
    sent = headers.get(b"x-request-id", b"")
    request_id = sent.decode() if _VALID_REQUEST_ID.fullmatch(sent) else str(uuid7())
    work = Work(request_id=request_id)
    current_work.set(work)
    scope.setdefault("state", {}).update(request_id=request_id, work=work)
    return request_id


def route_template(scope: Scope) -> str | None:
    """Return the path of the route with its parameters, `/api/v1/notes/{note_id}`; None if no route was found."""
    path: str | None = scope["state"].get("route_template")
    return path


def log_request(scope: Scope, method: str, status: int, started: float) -> None:
    """Log a request, or a WebSocket with its close code, without tokens in the path."""
    state, seconds = scope["state"], time.perf_counter() - started
    for observe in observers:
        observe(scope, method, status, seconds)
    level = logging.DEBUG if state.get("is_static_file") else logging.INFO
    if not logger.isEnabledFor(level):
        return
    work: Work = state["work"]
    credential, client = state.get(CREDENTIAL), scope.get("client")
    fields = {
        "ms": round(seconds * 1000, 1),
        "route": route_template(scope),
        "user_id": credential.caller.user_id if credential else None,
        "ip": client[0] if client else None,
        **work.totals(),
    }
    # `logger.log()` would look up the caller in the stack and check each field, for each request.
    values = (method, mask_path(scope["path"]), status)
    record = logger.makeRecord(logger.name, level, __file__, 0, "%s %s %s", values, None)
    vars(record).update(fields)
    logger.handle(record)


def mask_path(path: str) -> str:
    """Return a path without tokens, on one line."""
    return path if _PLAIN_PATH.fullmatch(path) else _LONG_SEGMENT.sub("/*", path).encode("unicode_escape").decode()
