"""L5: Litestar, SQLAlchemy's ORM and msgspec."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Litestar, Request, get, patch, post
from litestar.di import Provide
from litestar.exceptions import ClientException, NotAuthorizedException, NotFoundException
from litestar.params import Parameter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from benchmarks.contestants import cursors, passwords, tokens
from benchmarks.contestants.tables import Item, User, open_engine

engine = open_engine()
sessions = async_sessionmaker(engine, expire_on_commit=False)
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Health(msgspec.Struct):
    """Response of the liveness probe."""

    status: str


class Greeting(msgspec.Struct):
    """A greeting."""

    message: str


class AccountRead(msgspec.Struct):
    """The caller."""

    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime
    email: str
    email_verified_at: datetime | None
    display_name: str
    locale: str | None
    last_login_at: datetime | None


class ItemRead(msgspec.Struct):
    """An item."""

    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime
    title: str
    body: str


class ItemPage(msgspec.Struct):
    """A page of items, newest first."""

    items: list[ItemRead]
    next_cursor: str | None


class ItemCreate(msgspec.Struct):
    """A new item."""

    title: Title
    body: str


class ItemUpdate(msgspec.Struct):
    """A new title."""

    title: Title


class Login(msgspec.Struct):
    """Email address and password."""

    email: str
    password: str


class Token(msgspec.Struct):
    """An access token."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - its kind


async def provide_session() -> AsyncIterator[AsyncSession]:
    """Yield a session for a request."""
    async with sessions() as session:
        yield session


async def provide_user(request: Request[Any, Any, Any], session: AsyncSession) -> User:
    """Load the caller."""
    try:
        key = tokens.verify_header(request.headers.get("authorization"))
    except tokens.InvalidToken as error:
        raise NotAuthorizedException from error
    user = await session.get(User, key)
    if user is None or not user.is_active:
        raise NotAuthorizedException
    return user


async def provide_item(session: AsyncSession, user: User, item_id: UUID) -> Item:
    """Load one of the caller's items."""
    item = await session.get(Item, item_id)
    if item is None or item.owner_id != user.id:
        raise NotFoundException
    return item


def show(row: Item) -> ItemRead:
    """Build the response for an item."""
    return msgspec.convert(row, ItemRead, from_attributes=True)


@get("/health/live")
async def check_live() -> Health:
    """Liveness probe."""
    return Health("live")


@get("/api/v1/hello")
async def say_hello() -> Greeting:
    """Say hello."""
    return Greeting("Hello")


@get("/api/v1/users/me")
async def read_account(user: User) -> AccountRead:
    """Read the caller's account."""
    return msgspec.convert(user, AccountRead, from_attributes=True)


@get("/api/v1/items")
async def list_items(session: AsyncSession, user: User, cursor: str | None = None) -> ItemPage:
    """List the caller's items, newest first."""
    query = select(Item).where(Item.owner_id == user.id).order_by(Item.id.desc())
    if cursor is not None:
        query = query.where(Item.id < cursors.decode(cursor))
    rows = (await session.scalars(query.limit(cursors.PAGE + 1))).all()
    items, more = rows[: cursors.PAGE], len(rows) > cursors.PAGE
    return ItemPage([show(row) for row in items], cursors.encode(items[-1].id) if more else None)


@post("/api/v1/items")
async def create_item(session: AsyncSession, user: User, data: ItemCreate) -> ItemRead:
    """Create an item."""
    item = Item(owner_id=user.id, title=data.title, body=data.body)
    session.add(item)
    await session.commit()
    return show(item)


@get("/api/v1/items/{item_id:uuid}", dependencies={"item": Provide(provide_item)})
async def read_item(item: Item) -> ItemRead:
    """Read one of the caller's items."""
    return show(item)


@patch("/api/v1/items/{item_id:uuid}", dependencies={"item": Provide(provide_item)})
async def update_item(
    session: AsyncSession,
    item: Item,
    data: ItemUpdate,
    if_match: Annotated[str, Parameter(header="If-Match")],
) -> ItemRead:
    """Update an item if its version matches."""
    if if_match != f'"{item.version}"':
        raise ClientException(status_code=412)
    item.title = data.title
    await session.commit()
    return show(item)


@post("/api/v1/auth/login", status_code=200)
async def login(session: AsyncSession, data: Login) -> Token:
    """Exchange a password for a token."""
    user = await session.scalar(select(User).where(User.email == data.email))
    if user is None or not await passwords.check(data.password, user.password_hash or ""):
        raise NotAuthorizedException
    return Token(tokens.issue(user.id))


@asynccontextmanager
async def lifespan(_: Litestar) -> AsyncIterator[None]:
    """Close the connections at shutdown."""
    yield
    await engine.dispose()


app = Litestar(
    [
        check_live,
        say_hello,
        read_account,
        list_items,
        create_item,
        read_item,
        update_item,
        login,
    ],
    dependencies={"session": Provide(provide_session), "user": Provide(provide_user)},
    lifespan=[lifespan],
    openapi_config=None,
)
