"""L3: FastAPI and SQLAlchemy's Core, without entities."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.contestants import core_queries as queries
from benchmarks.contestants import cursors, passwords, tokens
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
from benchmarks.contestants.tables import open_engine

engine = open_engine()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the connections at shutdown."""
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def get_connection() -> AsyncIterator[AsyncConnection]:
    """Yield a connection in a transaction for a request."""
    async with engine.begin() as connection:
        yield connection


ConnectionDep = Annotated[AsyncConnection, Depends(get_connection, scope="function")]
BearerDep = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="/api/v1/auth/login"))]


async def get_user(connection: ConnectionDep, token: BearerDep) -> Row[Any]:
    """Load the caller."""
    try:
        user = (await connection.execute(queries.USER, {"id": tokens.verify(token)})).first()
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
async def read_account(user: UserDep) -> Row[Any]:
    """Read the caller's account."""
    return user


@app.get("/api/v1/items", response_model=ItemPage)
async def list_items(
    connection: ConnectionDep, user: UserDep, cursor: str | None = None
) -> dict[str, Any]:
    """List the caller's items, newest first."""
    query, values = queries.FIRST_PAGE, {"owner": user.id}
    if cursor is not None:
        query, values["after"] = queries.PAGE_AFTER, cursors.decode(cursor)
    rows = (await connection.execute(query, values)).all()
    items, more = rows[: cursors.PAGE], len(rows) > cursors.PAGE
    return {"items": items, "next_cursor": cursors.encode(items[-1].id) if more else None}


@app.post("/api/v1/items", response_model=ItemRead, status_code=201)
async def create_item(connection: ConnectionDep, user: UserDep, data: ItemCreate) -> Row[Any]:
    """Create an item."""
    values = {"owner_id": user.id, **data.model_dump()}
    return (await connection.execute(queries.INSERT, values)).one()


@app.get("/api/v1/items/{item_id}", response_model=ItemRead)
async def read_item(connection: ConnectionDep, user: UserDep, item_id: UUID) -> Row[Any]:
    """Read one of the caller's items."""
    row = (await connection.execute(queries.ITEM, {"id": item_id, "owner": user.id})).first()
    if row is None:
        raise HTTPException(404)
    return row


@app.patch("/api/v1/items/{item_id}", response_model=ItemRead)
async def update_item(
    connection: ConnectionDep,
    user: UserDep,
    item_id: UUID,
    data: ItemUpdate,
    if_match: Annotated[str, Header()],
) -> Row[Any]:
    """Update an item if its version matches."""
    read = int(if_match.strip('"'))
    values = {"key": item_id, "owner": user.id, "read": read, "title": data.title}
    row = (await connection.execute(queries.UPDATE, values)).first()
    if row is None:
        raise HTTPException(412)
    return row


@app.post("/api/v1/auth/login")
async def login(connection: ConnectionDep, data: Login) -> Token:
    """Exchange a password for a token."""
    user = (await connection.execute(queries.LOGIN, {"email": data.email})).first()
    if user is None or not await passwords.check(data.password, user.password_hash):
        raise HTTPException(401)
    return Token(access_token=tokens.issue(user.id))
