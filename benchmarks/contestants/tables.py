"""The tables of a generated project that the contestants use, and an engine."""

import os
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, String, Text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

from benchmarks.contestants.queries import POOL_SIZE


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Base class of all models."""

    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True)}


class User(Base):
    """A user."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    email: Mapped[str] = mapped_column(String(320))
    email_verified_at: Mapped[datetime | None]
    password_hash: Mapped[str | None] = mapped_column(String(255))
    display_name: Mapped[str] = mapped_column(String(120))
    locale: Mapped[str | None] = mapped_column(String(35))
    is_active: Mapped[bool]
    last_login_at: Mapped[datetime | None]


class Item(Base):
    """An item of a user."""

    __tablename__ = "items"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    version: Mapped[int] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)

    __mapper_args__: ClassVar = {"version_id_col": version}


class Note(Base):
    """A note of a user."""

    __tablename__ = "notes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    updated_at: Mapped[datetime]
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)


def open_engine(**options: Any) -> AsyncEngine:  # noqa: ANN401 - of the engine
    """Create an engine with the same number of connections as the other apps."""
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
    return create_async_engine(url, pool_size=POOL_SIZE, max_overflow=0, **options)
