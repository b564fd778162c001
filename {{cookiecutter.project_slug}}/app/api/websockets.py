"""WebSocket part of the middleware in `app/api/middleware.py`."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.dependencies import close_request_session

_CLOSE_CODE_BASE = 4000
"""Close codes are 4000 plus the HTTP status, e.g. 4404. https://www.rfc-editor.org/rfc/rfc6455#section-7.4.2"""


async def serve_websocket(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a WebSocket: close its database session when it is accepted, and the socket on errors.

    An error before it is accepted rejects the handshake with an HTTP response.
    """
    is_open = False

    async def pass_on(message: Message) -> None:
        nonlocal is_open
        type_ = message["type"]
        await close_request_session(scope, commit=type_ == "websocket.accept")
        is_open = is_open or type_ == "websocket.accept"
        if is_open and type_ == "websocket.http.response.start":
            await send({"type": "websocket.close", "code": _CLOSE_CODE_BASE + message["status"]})
        elif not (is_open and type_ == "websocket.http.response.body"):
            await send(message)

    try:
        await app(scope, receive, pass_on)
    finally:
        await close_request_session(scope, commit=False)
