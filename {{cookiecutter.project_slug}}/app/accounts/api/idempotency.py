"""Middleware for `Idempotency-Key`: a retry of a POST request gets the response of the first one."""

import json
import re
import sys
from collections.abc import Awaitable
from hashlib import sha256
from uuid import uuid4

from cryptography.fernet import InvalidToken
from fastapi import Request, Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.accounts import scope as accounts
from app.accounts.api.dependencies import get_authenticator, get_optional_scope
from app.api import idempotency
from app.api.dependencies import close_request_session, get_database, open_request_session
from app.api.error_handlers import HANDLED_EXCEPTIONS, problem_response
from app.api.idempotency import HEADER, KEY_PATTERN, Claim, InvalidIdempotencyKey, ResponseNotStored
from app.errors import Problem

MAX_STORED_BYTES = 262_144
"""Maximum size of a stored response."""

_STORED_HEADERS = frozenset({"content-type", "etag", "location"})


class IdempotencyMiddleware:
    """Middleware for POST requests of signed-in callers under `/api/`, except `/api/v1/auth/`.

    Only successful responses are stored. Errors roll back, so a retry of their request is executed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle one connection. It isn't async, so that requests without a key have no additional `await`."""
        if scope["type"] == "http" and scope["method"] == "POST" and _has_supported_key(scope):
            return self._serve(scope, receive, send)
        return self.app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = [await request.body()]

        async def receive_again() -> Message:
            return {"type": "http.request", "body": body.pop()} if body else await receive()

        caller = await _find_caller(request)
        if caller is None:
            await self.app(scope, receive_again, send)
            return
        database = get_database(request)
        try:
            claim = _claim(request, caller, body[0])
            stored = await idempotency.claim_key(database, claim)
            response = None if stored is None else _decode(request, stored)
        except Problem as error:
            response = problem_response(request, error)
        if response is not None:
            await response(scope, receive_again, send)
            return
        recorder = _Recorder(request, claim, send)
        try:
            await self.app(scope, receive_again, recorder.send)
        except Exception:
            await recorder.release_key()
            raise


class _Recorder:
    """Holds a successful response back until it is complete, and stores it before the transaction is committed."""

    def __init__(self, request: Request, claim: Claim, send: Send) -> None:
        self._request, self._claim, self._send = request, claim, send
        self._held: list[Message] = []
        self._is_started = False

    async def send(self, message: Message) -> None:
        """Send a message of the response, or hold it back."""
        if self._is_started:
            await self._send(message)
            return
        self._held.append(message)
        start = self._held[0]
        # An exception handler's response is sent while the exception is handled.
        is_success = start["status"] < 400 and sys.exc_info()[0] is None  # noqa: PLR2004
        if is_success and (message.get("more_body") or (message is start and _is_short(start))):
            return
        self._is_started = True
        if is_success:
            await self._store()
        else:
            await self.release_key()
        for held in self._held:
            await self._send(held)  # commits

    async def release_key(self) -> None:
        """Release the key before the error is sent, because a retry may follow at once."""
        await close_request_session(self._request.scope, commit=False)  # first, because SQLite has one writer
        await idempotency.release_key(get_database(self._request), self._claim)

    async def _store(self) -> None:
        """Store the response, or send the error instead."""
        request, settings = self._request, self._request.scope["state"]["settings"]
        session = open_request_session(request, get_database(request).sessions)
        response = _encode(request, self._held)
        try:
            await idempotency.store_response(session, self._claim, response, settings.api.idempotency_ttl)
        except HANDLED_EXCEPTIONS as error:
            await self.release_key()
            await problem_response(request, error)(request.scope, request.receive, self._send)
            self._send = _discard


def _has_supported_key(scope: Scope) -> bool:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return b"idempotency-key" in dict(scope["headers"]) and idempotency.supports_key(path)


async def _discard(message: Message) -> None:
    """Drop a message of a response that was replaced by an error."""


async def _find_caller(request: Request) -> accounts.Scope | None:
    """Return the caller, or None without a valid bearer token: then the route decides."""
    scheme, _, _ = request.headers.get("authorization", "").partition(" ")
    try:
        return await get_optional_scope(request) if scheme.lower() == "bearer" else None
    except Problem:
        return None


def _claim(request: Request, caller: accounts.Scope, body: bytes) -> Claim:
    """Return the claim of a request. All sessions of a user share their keys, but not with limited tokens.

    Raises:
        InvalidIdempotencyKey: the key is malformed.
    """
    key, *others = request.headers.getlist(HEADER)
    if others or not re.fullmatch(KEY_PATTERN, key):
        raise InvalidIdempotencyKey("Send one key of 1 to 255 visible ASCII characters.")
    actor = caller.impersonator or caller
    identity = [str(caller.user_id), str(actor.user_id), *sorted(caller.token_scopes or ())]
    content = [request.url.query, request.headers.get("content-type", "")]
    return Claim(
        uuid4(), caller.user_id, _hash(key, request.url.path, *identity), _hash(key, *content, body.decode("latin-1"))
    )


def _hash(*values: str) -> bytes:
    return sha256(json.dumps(values).encode()).digest()


def _is_short(start: Message) -> bool:
    length = dict(start["headers"]).get(b"content-length", b"0" if start["status"] == 204 else b"")  # noqa: PLR2004
    return length.isdigit() and int(length) <= MAX_STORED_BYTES


def _encode(request: Request, messages: list[Message]) -> bytes:
    """Return the encrypted response, empty if its body isn't complete: too large, a stream, or sent by the server."""
    start, *chunks = messages
    if not chunks or chunks[-1]["type"] != "http.response.body":
        return b""
    headers = {name: value for name, value in Headers(raw=start["headers"]).items() if name in _STORED_HEADERS}
    head = json.dumps({"status_code": start["status"], "headers": headers}).encode()
    content = b"".join(chunk.get("body", b"") for chunk in chunks)
    return get_authenticator(request).keys.encrypt("idempotency", head + b"\n" + content)


def _decode(request: Request, stored: bytes) -> Response:
    """Return the stored response.

    Raises:
        ResponseNotStored: it was encrypted with another `SECRET_KEY`.
    """
    try:
        head, _, content = get_authenticator(request).keys.decrypt("idempotency", stored).partition(b"\n")
    except InvalidToken as error:
        raise ResponseNotStored from error
    response = Response(content, **json.loads(head))
    response.headers["Idempotent-Replayed"] = "true"
    return response
