"""FastAPI and SQLAlchemy's pool; queries go directly to the driver. Reads only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer

from benchmarks.contestants import passwords, queries, tokens
from benchmarks.contestants.schemas import (
    AccountRead,
    Greeting,
    Health,
    ItemPage,
    ItemRead,
    Login,
    Token,
)
from benchmarks.contestants.tables import open_engine

engine = open_engine(isolation_level="AUTOCOMMIT")
BearerDep = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="/api/v1/auth/login"))]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the connections at shutdown."""
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@asynccontextmanager
async def driver() -> AsyncIterator[Any]:
    """Yield asyncpg's own connection."""
    async with engine.connect() as connection:
        yield (await connection.get_raw_connection()).driver_connection


async def find_user(connection: Any, token: str) -> Any:  # noqa: ANN401 - asyncpg's
    """Load the caller."""
    try:
        user = await connection.fetchrow(queries.USER, tokens.verify(token))
    except tokens.InvalidToken as error:
        raise HTTPException(401) from error
    if user is None:
        raise HTTPException(401)
    return user


@app.get("/health/live")
async def check_live() -> Health:
    """Liveness probe."""
    return Health(status="live")


@app.get("/api/v1/hello")
async def say_hello() -> Greeting:
    """Say hello."""
    return Greeting(message="Hello")


@app.get("/api/v1/users/me", response_model=AccountRead)
async def read_account(token: BearerDep) -> dict[str, Any]:
    """Read the caller's account."""
    async with driver() as connection:
        return dict(await find_user(connection, token))


@app.get("/api/v1/items", response_model=ItemPage)
async def list_items(token: BearerDep, cursor: str | None = None) -> dict[str, Any]:
    """List the caller's items, newest first."""
    async with driver() as connection:
        user = await find_user(connection, token)
        return await queries.fetch_page(connection, user["id"], cursor)


@app.get("/api/v1/items/{item_id}", response_model=ItemRead)
async def read_item(token: BearerDep, item_id: UUID) -> dict[str, Any]:
    """Read one of the caller's items."""
    async with driver() as connection:
        user = await find_user(connection, token)
        row = await connection.fetchrow(queries.ITEM, item_id, user["id"])
    if row is None:
        raise HTTPException(404)
    return dict(row)


@app.post("/api/v1/auth/login")
async def login(data: Login) -> Token:
    """Exchange a password for a token."""
    async with driver() as connection:
        user = await connection.fetchrow(queries.LOGIN, data.email)
    if user is None or not await passwords.check(data.password, user["password_hash"]):
        raise HTTPException(401)
    return Token(access_token=tokens.issue(user["id"]))
