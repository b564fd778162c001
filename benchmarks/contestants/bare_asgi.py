"""L0: asyncpg without a framework, which is the upper limit."""

from typing import Any, TypeAlias
from urllib.parse import parse_qs
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from benchmarks.contestants import passwords, queries, tokens

Reply: TypeAlias = tuple[int, Any]
NOT_FOUND: Reply = (404, {"detail": "Not found"})
MAX_TITLE = 200
PUBLIC = {"/health/live": {"status": "live"}, "/api/v1/hello": {"message": "Hello"}}


class App:
    """An ASGI app."""

    def __init__(self) -> None:
        self.pool: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Open and close the pool and handle requests."""
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        try:
            status, found = await self.answer(scope, receive)
        except tokens.InvalidToken:
            status, found = 401, {"detail": "Not authenticated"}
        body = orjson.dumps(found, default=str, option=orjson.OPT_UTC_Z)  # asyncpg has its own UUID
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def live(self, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Open the pool at startup and close it at shutdown."""
        await receive()
        self.pool = await queries.open_pool()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def answer(self, scope: Any, receive: Any) -> Reply:  # noqa: ANN401 - ASGI
        """Dispatch by path."""
        method, path = scope["method"], scope["path"]
        if path in PUBLIC:
            return 200, PUBLIC[path]
        if path == "/api/v1/auth/login":
            return await self.log_in(orjson.loads(await read(receive)))
        header = next((v for k, v in scope["headers"] if k == b"authorization"), b"").decode()
        async with self.pool.acquire() as connection:
            user = await connection.fetchrow(queries.USER, tokens.verify_header(header))
            if user is None:
                raise tokens.InvalidToken
            if path == "/api/v1/users/me":
                return 200, dict(user)
            if path == "/api/v1/items" and method == "GET":
                sent = parse_qs(scope["query_string"].decode())
                cursor = sent["cursor"][0] if "cursor" in sent else None
                return 200, await queries.fetch_page(connection, user["id"], cursor)
            if path == "/api/v1/items":
                return await create(connection, user["id"], orjson.loads(await read(receive)))
            key = UUID(path.removeprefix("/api/v1/items/"))
            if method == "PATCH":
                version = next(v for k, v in scope["headers"] if k == b"if-match")
                title = orjson.loads(await read(receive))["title"]
                values = key, user["id"], int(version.strip(b'"')), title
                row = await connection.fetchrow(queries.UPDATE, *values)
            else:
                row = await connection.fetchrow(queries.ITEM, key, user["id"])
            return (200, dict(row)) if row else NOT_FOUND

    async def log_in(self, data: dict[str, str]) -> Reply:
        """Exchange a password for a token."""
        async with self.pool.acquire() as connection:
            user = await connection.fetchrow(queries.LOGIN, data["email"])
        if user is None or not await passwords.check(data["password"], user["password_hash"]):
            raise tokens.InvalidToken
        return 200, {"access_token": tokens.issue(user["id"]), "token_type": "bearer"}


async def create(connection: Any, owner: UUID, data: dict[str, Any]) -> Reply:  # noqa: ANN401
    """Create an item."""
    title, body = data.get("title"), data.get("body")
    if not isinstance(title, str) or not 1 <= len(title) <= MAX_TITLE or not isinstance(body, str):
        return 422, {"detail": "Not an item"}
    return 201, dict(await connection.fetchrow(queries.INSERT, uuid7(), owner, title, body))


async def read(receive: Any) -> bytes:  # noqa: ANN401 - ASGI
    """Return the request body."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


app = App()
