"""L1: Starlette and asyncpg."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils.compat import uuid7

from benchmarks.contestants import passwords, queries, tokens

MAX_TITLE = 200


class Json(Response):
    """A JSON response."""

    media_type = "application/json"

    def render(self, content: Mapping[str, Any]) -> bytes:
        """Serialize it; asyncpg has its own UUID type."""
        return orjson.dumps(content, default=str, option=orjson.OPT_UTC_Z)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Open the pool at startup and close it at shutdown."""
    app.state.pool = await queries.open_pool()
    yield
    await app.state.pool.close()


async def find_user(request: Request, connection: Any) -> Any:  # noqa: ANN401 - a row
    """Load the caller."""
    try:
        key = tokens.verify_header(request.headers.get("authorization"))
    except tokens.InvalidToken as error:
        raise HTTPException(401) from error
    user = await connection.fetchrow(queries.USER, key)
    if user is None:
        raise HTTPException(401)
    return user


async def check_live(_: Request) -> Response:
    """Liveness probe."""
    return Json({"status": "live"})


async def say_hello(_: Request) -> Response:
    """Say hello."""
    return Json({"message": "Hello"})


async def read_account(request: Request) -> Response:
    """Read the caller's account."""
    async with request.app.state.pool.acquire() as connection:
        return Json(dict(await find_user(request, connection)))


async def list_items(request: Request) -> Response:
    """List the caller's items, newest first."""
    async with request.app.state.pool.acquire() as connection:
        user = await find_user(request, connection)
        cursor = request.query_params.get("cursor")
        return Json(await queries.fetch_page(connection, user["id"], cursor))


async def create_item(request: Request) -> Response:
    """Create an item."""
    data = orjson.loads(await request.body())
    title, body = data.get("title"), data.get("body")
    if not isinstance(title, str) or not 1 <= len(title) <= MAX_TITLE or not isinstance(body, str):
        raise HTTPException(422)
    async with request.app.state.pool.acquire() as connection:
        user = await find_user(request, connection)
        values = uuid7(), user["id"], title, body
        return Json(dict(await connection.fetchrow(queries.INSERT, *values)), 201)


async def read_item(request: Request) -> Response:
    """Read one of the caller's items."""
    async with request.app.state.pool.acquire() as connection:
        user = await find_user(request, connection)
        row = await connection.fetchrow(queries.ITEM, request.path_params["key"], user["id"])
    if row is None:
        raise HTTPException(404)
    return Json(dict(row))


async def update_item(request: Request) -> Response:
    """Update an item if its version matches."""
    title = orjson.loads(await request.body())["title"]
    version = int(request.headers["if-match"].strip('"'))
    async with request.app.state.pool.acquire() as connection:
        user = await find_user(request, connection)
        values = request.path_params["key"], user["id"], version, title
        row = await connection.fetchrow(queries.UPDATE, *values)
    if row is None:
        raise HTTPException(412)
    return Json(dict(row))


async def login(request: Request) -> Response:
    """Exchange a password for a token."""
    data = orjson.loads(await request.body())
    async with request.app.state.pool.acquire() as connection:
        user = await connection.fetchrow(queries.LOGIN, data["email"])
    if user is None or not await passwords.check(data["password"], user["password_hash"]):
        raise HTTPException(401)
    return Json({"access_token": tokens.issue(user["id"]), "token_type": "bearer"})


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/health/live", check_live),
        Route("/api/v1/hello", say_hello),
        Route("/api/v1/users/me", read_account),
        Route("/api/v1/items", list_items),
        Route("/api/v1/items", create_item, methods=["POST"]),
        Route("/api/v1/items/{key:uuid}", read_item),
        Route("/api/v1/items/{key:uuid}", update_item, methods=["PATCH"]),
        Route("/api/v1/auth/login", login, methods=["POST"]),
    ],
)
