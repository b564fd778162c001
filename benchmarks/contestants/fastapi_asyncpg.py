"""L2: FastAPI and asyncpg."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.security import OAuth2PasswordBearer
from uuid_utils.compat import uuid7

from benchmarks.contestants import passwords, queries, tokens
from benchmarks.contestants.schemas import (
    AccountRead,
    Greeting,
    Health,
    ItemCreate,
    ItemPage,
    ItemRead,
    ItemUpdate,
    Login,
    Token,
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the pool at startup and close it at shutdown."""
    app.state.pool = await queries.open_pool()
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


async def get_connection(request: Request) -> AsyncIterator[Any]:
    """Yield a connection for a request."""
    async with request.app.state.pool.acquire() as connection:
        yield connection


ConnectionDep = Annotated[Any, Depends(get_connection)]
BearerDep = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="/api/v1/auth/login"))]


async def get_user(connection: ConnectionDep, token: BearerDep) -> Any:  # noqa: ANN401 - a row
    """Load the caller."""
    try:
        user = await connection.fetchrow(queries.USER, tokens.verify(token))
    except tokens.InvalidToken as error:
        raise HTTPException(401) from error
    if user is None:
        raise HTTPException(401)
    return user


UserDep = Annotated[Any, Depends(get_user)]


@app.get("/health/live")
async def check_live() -> Health:
    """Liveness probe."""
    return Health(status="live")


@app.get("/api/v1/hello")
async def say_hello() -> Greeting:
    """Say hello."""
    return Greeting(message="Hello")


@app.get("/api/v1/users/me", response_model=AccountRead)
async def read_account(user: UserDep) -> dict[str, Any]:
    """Read the caller's account."""
    return dict(user)


@app.get("/api/v1/items", response_model=ItemPage)
async def list_items(
    connection: ConnectionDep, user: UserDep, cursor: str | None = None
) -> dict[str, Any]:
    """List the caller's items, newest first."""
    return await queries.fetch_page(connection, user["id"], cursor)


@app.post("/api/v1/items", response_model=ItemRead, status_code=201)
async def create_item(connection: ConnectionDep, user: UserDep, data: ItemCreate) -> dict[str, Any]:
    """Create an item."""
    values = uuid7(), user["id"], data.title, data.body
    return dict(await connection.fetchrow(queries.INSERT, *values))


@app.get("/api/v1/items/{item_id}", response_model=ItemRead)
async def read_item(connection: ConnectionDep, user: UserDep, item_id: UUID) -> dict[str, Any]:
    """Read one of the caller's items."""
    row = await connection.fetchrow(queries.ITEM, item_id, user["id"])
    if row is None:
        raise HTTPException(404)
    return dict(row)


@app.patch("/api/v1/items/{item_id}", response_model=ItemRead)
async def update_item(
    connection: ConnectionDep,
    user: UserDep,
    item_id: UUID,
    data: ItemUpdate,
    if_match: Annotated[str, Header()],
) -> dict[str, Any]:
    """Update an item if its version matches."""
    values = item_id, user["id"], int(if_match.strip('"')), data.title
    row = await connection.fetchrow(queries.UPDATE, *values)
    if row is None:
        raise HTTPException(412)
    return dict(row)


@app.post("/api/v1/auth/login")
async def login(connection: ConnectionDep, data: Login) -> Token:
    """Exchange a password for a token."""
    user = await connection.fetchrow(queries.LOGIN, data.email)
    if user is None or not await passwords.check(data.password, user["password_hash"]):
        raise HTTPException(401)
    return Token(access_token=tokens.issue(user["id"]))
