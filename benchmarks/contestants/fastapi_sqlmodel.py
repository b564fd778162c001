"""FastAPI, SQLModel and psycopg in threads, with a count and OFFSET pagination."""

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.security import OAuth2PasswordBearer
from sqlmodel import DateTime, Field, Session, SQLModel, col, create_engine, func, select
from uuid_utils.compat import uuid7

from benchmarks.contestants import passwords, tokens
from benchmarks.contestants.cursors import PAGE
from benchmarks.contestants.queries import POOL_SIZE
from benchmarks.contestants.schemas import Greeting, Health, Login, Token
from benchmarks.contestants.tables import utc_now

url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
engine = create_engine(url, pool_size=POOL_SIZE, max_overflow=0)
app = FastAPI()


class Read(SQLModel):
    """Fields of all rows."""

    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime


class AccountRead(Read):
    """The caller."""

    email: str
    email_verified_at: datetime | None
    display_name: str
    locale: str | None
    last_login_at: datetime | None


class ItemCreate(SQLModel):
    """A new item."""

    title: str = Field(min_length=1, max_length=200)
    body: str


class ItemUpdate(SQLModel):
    """A new title."""

    title: str = Field(min_length=1, max_length=200)


class ItemRead(Read, ItemCreate):
    """An item."""


class ItemPage(SQLModel):
    """A page of items, newest first, and the total count."""

    items: list[ItemRead]
    count: int


class Row(SQLModel):
    """Columns of all tables."""

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    version: int = 1
    created_at: datetime = Field(default_factory=utc_now, sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(default_factory=utc_now, sa_type=DateTime(timezone=True))


class User(Row, table=True):  # type: ignore[call-arg]  # not known here
    """A user."""

    __tablename__ = "users"

    email: str
    email_verified_at: datetime | None = Field(sa_type=DateTime(timezone=True))
    password_hash: str
    display_name: str
    locale: str | None
    is_active: bool
    last_login_at: datetime | None = Field(sa_type=DateTime(timezone=True))


class Item(Row, table=True):  # type: ignore[call-arg]  # not known here
    """An item of a user."""

    __tablename__ = "items"

    owner_id: UUID = Field(foreign_key="users.id")
    title: str
    body: str


def get_session() -> Iterator[Session]:
    """Yield a session for a request."""
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]
BearerDep = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="/api/v1/auth/login"))]


def get_user(session: SessionDep, token: BearerDep) -> User:
    """Load the caller."""
    try:
        user = session.get(User, tokens.verify(token))
    except tokens.InvalidToken as error:
        raise HTTPException(401) from error
    if user is None or not user.is_active:
        raise HTTPException(401)
    return user


UserDep = Annotated[User, Depends(get_user)]


def get_item(session: SessionDep, user: UserDep, item_id: UUID) -> Item:
    """Load one of the caller's items."""
    item = session.get(Item, item_id)
    if item is None or item.owner_id != user.id:
        raise HTTPException(404)
    return item


ItemDep = Annotated[Item, Depends(get_item)]


@app.get("/health/live")
def check_live() -> Health:
    """Liveness probe."""
    return Health(status="live")


@app.get("/api/v1/hello")
def say_hello() -> Greeting:
    """Say hello."""
    return Greeting(message="Hello")


@app.get("/api/v1/users/me", response_model=AccountRead)
def read_account(user: UserDep) -> User:
    """Read the caller's account."""
    return user


@app.get("/api/v1/items", response_model=ItemPage)
def list_items(session: SessionDep, user: UserDep, offset: int = 0) -> dict[str, Any]:
    """List the caller's items, newest first."""
    query = select(Item).where(Item.owner_id == user.id).order_by(col(Item.id).desc())
    items = session.exec(query.offset(offset).limit(PAGE)).all()
    count = select(func.count()).select_from(Item).where(Item.owner_id == user.id)
    return {"items": items, "count": session.exec(count).one()}


@app.post("/api/v1/items", response_model=ItemRead, status_code=201)
def create_item(session: SessionDep, user: UserDep, data: ItemCreate) -> Item:
    """Create an item."""
    item = Item.model_validate(data, update={"owner_id": user.id})
    session.add(item)
    session.commit()
    session.refresh(item)
    return item


@app.get("/api/v1/items/{item_id}", response_model=ItemRead)
def read_item(item: ItemDep) -> Item:
    """Read one of the caller's items."""
    return item


@app.patch("/api/v1/items/{item_id}", response_model=ItemRead)
def update_item(
    session: SessionDep, item: ItemDep, data: ItemUpdate, if_match: Annotated[str, Header()]
) -> Item:
    """Update an item if its version matches."""
    if if_match != f'"{item.version}"':
        raise HTTPException(412)
    item.sqlmodel_update({"title": data.title, "version": item.version + 1})
    session.add(item)
    session.commit()
    session.refresh(item)
    return item


@app.post("/api/v1/auth/login")
def login(session: SessionDep, data: Login) -> Token:
    """Exchange a password for a token."""
    user = session.exec(select(User).where(User.email == data.email)).first()
    if user is None or not passwords.check_here(data.password, user.password_hash):
        raise HTTPException(401)
    return Token(access_token=tokens.issue(user.id))
