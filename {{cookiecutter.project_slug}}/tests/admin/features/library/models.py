"""Models of a library. They have their own metadata: the tables of `Base.metadata` come from migrations."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import (
    Column,
    ForeignKey,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models import AuthSession, User
from app.database.base import NAMING_CONVENTION, Record, UUIDv7Base
from app.database.constraints import Comparison

TABLES = MetaData(naming_convention=NAMING_CONVENTION)


class Genre(StrEnum):
    """Genre of a book."""

    NOVEL = "novel"
    SCIENCE = "science"


class Author(Record):
    """An author of books."""

    __tablename__ = "authors"
    metadata = TABLES

    born: Mapped[date | None]
    label: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(80), unique=True)


class Subject(UUIDv7Base):
    """A subject of books."""

    __tablename__ = "subjects"
    metadata = TABLES

    code: Mapped[str] = mapped_column(String(20), unique=True)
    user_id: Mapped[int | None]  # of another system


class Book(Record):
    """A book, with a column of every type."""

    __tablename__ = "books"
    metadata = TABLES

    isbn: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(100))
    genre: Mapped[Genre]
    size: Mapped[str] = mapped_column(default="octavo")
    summary: Mapped[str] = mapped_column(Text, default="")
    """What it is about, in one sentence."""
    in_print: Mapped[bool] = mapped_column(default=True)
    pages: Mapped[int | None] = mapped_column(doc="Without the index.")
    weight: Mapped[float | None]
    facts: Mapped[dict[str, JsonValue] | None]
    bought_at: Mapped[datetime | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))
    api_token: Mapped[str | None]
    cover: Mapped[bytes | None] = mapped_column(LargeBinary)
    age: Mapped[str | None] = mapped_column(Interval)  # a type that the library has no field for
    author_id: Mapped[UUID] = mapped_column(ForeignKey(Author.id, ondelete="CASCADE"))
    reader_id: Mapped[UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"))
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey(AuthSession.id, ondelete="SET NULL"))

    author: Mapped[Author] = relationship(lazy="raise")
    reader: Mapped[User | None] = relationship(lazy="raise")
    session: Mapped[AuthSession | None] = relationship(lazy="raise")
    subjects: Mapped[list[Subject]] = relationship(secondary=lambda: books_subjects, lazy="raise")
    copies: Mapped[list["Copy"]] = relationship(back_populates="book", lazy="raise", passive_deletes=True)


books_subjects: Table = Table(
    "books_subjects",
    TABLES,
    Column("book_id", ForeignKey(Book.id, ondelete="CASCADE"), primary_key=True),
    Column("subject_id", ForeignKey(Subject.id, ondelete="CASCADE"), primary_key=True),
)


class Copy(Record):
    """A copy of a book."""

    __tablename__ = "copies"
    metadata = TABLES
    __table_args__ = (UniqueConstraint("book_id", "shelf"), Comparison("lent", "<", 100, "Must be less than 100"))

    shelf: Mapped[str] = mapped_column(String(10))
    lent: Mapped[int] = mapped_column(default=0)
    book_id: Mapped[UUID] = mapped_column(ForeignKey(Book.id, ondelete="CASCADE"), index=True)

    book: Mapped[Book] = relationship(back_populates="copies", lazy="raise")


class Locker(UUIDv7Base):
    """A row that can't be created in a form: its key hash isn't shown."""

    __tablename__ = "lockers"
    metadata = TABLES

    place: Mapped[str] = mapped_column(String(10))
    key_hash: Mapped[str] = mapped_column(String(64))
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey(Author.id))


class Mark(UUIDv7Base):
    """A shelf mark. Marks form a tree."""

    __tablename__ = "marks"
    metadata = TABLES

    name: Mapped[str] = mapped_column(String(20), unique=True)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("marks.id", ondelete="CASCADE"))

    parent: Mapped["Mark | None"] = relationship(lazy="raise", remote_side=lambda: Mark.id)
