"""The client's IP address from a header of its own, as some hosting platforms send it."""

from starlette.types import ASGIApp, Receive, Scope, Send


class ClientIPHeader:
    """Replace `X-Forwarded-For` by another header, whose value the proxy sets and clients can't forge.

    It doesn't check who sent it: Uvicorn's `ProxyHeadersMiddleware`, inside it, ignores both from untrusted peers.
    """

    def __init__(self, app: ASGIApp, name: str) -> None:
        self.app, self.name = app, name.lower().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] in {"http", "websocket"}:
            found = [(b"x-forwarded-for", value) for name, value in scope["headers"] if name == self.name]
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"x-forwarded-for"] + found[:1]
        await self.app(scope, receive, send)
