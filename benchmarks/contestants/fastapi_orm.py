"""L4: FastAPI and the SQLAlchemy ORM, as in tutorials: the reference."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.security import OAuth2PasswordBearer
from fastapi.templating import Jinja2Templates
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

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
from benchmarks.contestants.tables import Item, Note, User, open_engine

engine = open_engine()
sessions = async_sessionmaker(engine, expire_on_commit=False)
templates = Jinja2Templates(Path(__file__).parent)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the connections at shutdown."""
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def get_session() -> AsyncIterator[AsyncSession]:
    """Yield a session for a request."""
    async with sessions() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]
BearerDep = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="/api/v1/auth/login"))]


async def get_user(session: SessionDep, token: BearerDep) -> User:
    """Load the caller."""
    try:
        user = await session.get(User, tokens.verify(token))
    except tokens.InvalidToken as error:
        raise HTTPException(401) from error
    if user is None or not user.is_active:
        raise HTTPException(401)
    return user


UserDep = Annotated[User, Depends(get_user)]


async def get_item(session: SessionDep, user: UserDep, item_id: UUID) -> Item:
    """Load one of the caller's items."""
    item = await session.get(Item, item_id)
    if item is None or item.owner_id != user.id:
        raise HTTPException(404)
    return item


ItemDep = Annotated[Item, Depends(get_item)]


@app.get("/health/live")
async def check_live() -> Health:
    """Liveness probe."""
    return Health(status="live")


@app.get("/api/v1/hello")
async def say_hello() -> Greeting:
    """Say hello."""
    return Greeting(message="Hello")


@app.get("/api/v1/users/me", response_model=AccountRead)
async def read_account(user: UserDep) -> User:
    """Read the caller's account."""
    return user


@app.get("/api/v1/items", response_model=ItemPage)
async def list_items(
    session: SessionDep, user: UserDep, cursor: str | None = None
) -> dict[str, Any]:
    """List the caller's items, newest first."""
    query = select(Item).where(Item.owner_id == user.id).order_by(Item.id.desc())
    if cursor is not None:
        query = query.where(Item.id < cursors.decode(cursor))
    rows = (await session.scalars(query.limit(cursors.PAGE + 1))).all()
    items, more = rows[: cursors.PAGE], len(rows) > cursors.PAGE
    return {"items": items, "next_cursor": cursors.encode(items[-1].id) if more else None}


@app.post("/api/v1/items", response_model=ItemRead, status_code=201)
async def create_item(session: SessionDep, user: UserDep, data: ItemCreate) -> Item:
    """Create an item."""
    item = Item(owner_id=user.id, **data.model_dump())
    session.add(item)
    await session.commit()
    return item


@app.get("/api/v1/items/{item_id}", response_model=ItemRead)
async def read_item(item: ItemDep) -> Item:
    """Read one of the caller's items."""
    return item


@app.patch("/api/v1/items/{item_id}", response_model=ItemRead)
async def update_item(
    session: SessionDep, item: ItemDep, data: ItemUpdate, if_match: Annotated[str, Header()]
) -> Item:
    """Update an item if its version matches."""
    if if_match != f'"{item.version}"':
        raise HTTPException(412)
    item.title = data.title
    await session.commit()
    return item


@app.get("/notes")
async def list_notes(request: Request, session: SessionDep, user: UserDep) -> Response:
    """Show the caller's notes as a web page, newest first."""
    query = select(Note).where(Note.owner_id == user.id).order_by(Note.id.desc())
    notes = (await session.scalars(query.limit(cursors.PAGE))).all()
    return templates.TemplateResponse(request, "notes.html", {"notes": notes})


@app.post("/api/v1/auth/login")
async def login(session: SessionDep, data: Login) -> Token:
    """Exchange a password for a token."""
    user = await session.scalar(select(User).where(User.email == data.email))
    if user is None or not await passwords.check(data.password, user.password_hash or ""):
        raise HTTPException(401)
    return Token(access_token=tokens.issue(user.id))
