"""WebSocket part of the middleware in `app/api/middleware.py`: limits, token, log, commit and close codes."""

import asyncio
import json
import time
from contextlib import suppress
from http import HTTPStatus

from fastapi.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from app.api.dependencies import close_request_session
from app.api.error_handlers import problem_response
from app.api.live_connections import LiveConnection, LiveConnections, ServerStopping
from app.api.request_cycle import CLOSE_SECONDS, MiddlewareConfig
from app.api.request_log import assign_request_id, log_request, logger
from app.api.response_headers import RequestHeaders, finalize_headers
from app.errors import Problem, Unavailable

TOKEN_SUBPROTOCOL = "bearer"  # noqa: S105 - its name
_CLOSE_CODE_BASE = 4000
"""Close codes are 4000 plus the HTTP status, e.g. 4404. https://www.rfc-editor.org/rfc/rfc6455#section-7.4.2"""
_NORMAL, _ABNORMAL, _RESTART = 1000, 1006, 1012
_MAX_REASON_BYTES = 123  # of a close frame: https://www.rfc-editor.org/rfc/rfc6455#section-5.5


class WebSocketCycle:
    """State of one WebSocket.

    The handshake takes a concurrency slot, as a request does, and commits its transaction when it is accepted. An error
    before that rejects it with an HTTP response; a later one closes the socket with 4000 plus the HTTP status. It is
    logged when it ends.
    """

    def __init__(
        self, config: MiddlewareConfig, scope: Scope, headers: RequestHeaders, receive: Receive, send: Send
    ) -> None:
        self.config, self.scope, self.headers, self._receive, self._send = config, scope, headers, receive, send
        self.started, self.id = time.perf_counter(), assign_request_id(scope, headers)
        self.code = 0
        """HTTP status of a rejection, or close code."""
        self._connection: LiveConnection | None = None
        self._is_open = self._has_left = self._has_slot = False
        self._error_status = 0
        self._sent_token = _read_token(scope)

    async def run(self, app: ASGIApp, rejection: Problem | None) -> None:
        """Serve the WebSocket until it is closed."""
        try:
            await self._acquire_slot()
            if rejection is not None:
                await self._fail(rejection)
                return
            await app(self.scope, self.receive, self.send)
            self._discard()
            if self._is_open:
                await self._close(_NORMAL, "")
        except asyncio.CancelledError:
            if self._connection is None or self._connection.reason is None or not self._connection.has_ended():
                raise
            await self._fail(self._connection.reason)
        except Exception as error:  # noqa: BLE001 - every handshake gets a response, every open socket a close code
            if not (self._has_left and isinstance(error, OSError | WebSocketDisconnect)):
                await self._fail(error)
        finally:
            self._discard()
            self._release_slot()
            await close_request_session(self.scope, commit=False)
            log_request(self.scope, "WEBSOCKET", self.code or _ABNORMAL, self.started)

    async def receive(self) -> Message:
        """Receive a message; remember the close code."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._is_open, self._has_left = False, True
            self.code = self.code or message.get("code") or _ABNORMAL
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the application: accept, reject, send or close."""
        match message["type"]:
            case "websocket.accept":
                await self._accept(message)
            case "websocket.http.response.start" if self._is_open:
                self._error_status = message["status"]
            case "websocket.http.response.body" if self._is_open:
                await self._close(_CLOSE_CODE_BASE + self._error_status, _title(self._error_status, message["body"]))
            case "websocket.http.response.start":
                await self._reject(message)
            case "websocket.http.response.body" if not self._can_reject:
                pass
            case "websocket.close":
                await self._close(message.get("code", _NORMAL), message.get("reason") or "")
            case _:
                await self._send_message(message)

    async def _acquire_slot(self) -> None:
        self._has_slot = await self.config.concurrency.acquire_in_time()
        if not self._has_slot:
            raise Unavailable("The server is overloaded.")

    async def _accept(self, message: Message) -> None:
        connections: LiveConnections = self.scope["state"]["connections"]
        self._connection = connections.add(self.scope, asyncio.current_task())
        await close_request_session(self.scope, commit=True)
        if self._sent_token and not message.get("subprotocol"):
            message["subprotocol"] = TOKEN_SUBPROTOCOL  # browsers require one of those they offered
        message["headers"] = [*message.get("headers", ()), (b"x-request-id", self.id.encode())]
        self._release_slot()
        await self._send(message)
        self._is_open = True

    async def _send_message(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError:
            self._is_open, self._has_left = False, True
            raise
        await asyncio.sleep(0)  # servers don't pause until their buffer is full, which would stop everything else

    @property
    def _can_reject(self) -> bool:
        """Whether the server can send an HTTP response instead of its own 403."""
        return "websocket.http.response" in self.scope.get("extensions", {})

    async def _reject(self, message: Message) -> None:
        await close_request_session(self.scope, commit=False)
        self.code = message["status"]
        defaults = {**self.config.headers, b"x-request-id": self.id.encode()}
        finalize_headers(message, self.scope, self.headers, defaults)
        await self._send(message if self._can_reject else {"type": "websocket.close"})

    async def _close(self, code: int, reason: str) -> None:
        self.code = code if self._is_open else HTTPStatus.FORBIDDEN
        self._is_open = False
        cut = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
        with suppress(TimeoutError, OSError):  # the client doesn't read, or has left
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._send({"type": "websocket.close", "code": code, "reason": cut})

    async def _fail(self, error: Exception) -> None:
        """Close the socket, or reject the handshake; log unexpected errors."""
        self._discard()
        if isinstance(error, Problem):
            problem = error
        else:
            logger.error("failed: %s", self.id, exc_info=error)
            problem = Problem()
        if self._is_open:
            is_restart = isinstance(problem, ServerStopping)
            await self._close(_RESTART if is_restart else _CLOSE_CODE_BASE + problem.status, problem.title)
        elif not self.code:
            await problem_response(HTTPConnection(self.scope), problem)(self.scope, self.receive, self.send)

    def _discard(self) -> None:
        if self._connection is not None:
            self.scope["state"]["connections"].discard(self._connection)

    def _release_slot(self) -> None:
        if self._has_slot:
            self._has_slot = False
            self.config.concurrency.release()


def _read_token(scope: Scope) -> bool:
    """Turn the subprotocols `bearer` and a token into an `Authorization` header, and return whether they were offered.

    Browsers can't set headers on WebSockets. The application doesn't see the token, so that it can't accept or log it.
    """
    offered = list(scope.get("subprotocols") or ())
    if TOKEN_SUBPROTOCOL not in offered[:-1]:
        return False
    position = offered.index(TOKEN_SUBPROTOCOL)
    token = offered[position + 1]
    scope["subprotocols"] = [*offered[:position], *offered[position + 2 :]]
    headers = [header for header in scope["headers"] if header[0] != b"sec-websocket-protocol"]
    if all(name != b"authorization" for name, _ in headers):
        headers.append((b"authorization", f"Bearer {token}".encode()))
    scope["headers"] = headers
    return True


def _title(status: int, body: bytes) -> str:
    """Return the title of an error response."""
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(body)["title"])
    return HTTPStatus(status).phrase
