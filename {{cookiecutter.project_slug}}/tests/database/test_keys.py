"""Primary keys as text."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import BigInteger, MetaData, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts.models import User
from app.database.base import Base
from app.database.keys import is_entered, key_of, normalize_key, parse_key, parse_keys

TABLES = MetaData()


class Town(Base):
    """A row with a generated integer."""

    __tablename__ = "towns"
    metadata = TABLES

    id: Mapped[int] = mapped_column(primary_key=True)


class Star(Base):
    """A row with an integer of 64 bits."""

    __tablename__ = "stars"
    metadata = TABLES

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)


class Shelf(Base):
    """A row with an integer of 16 bits that people enter."""

    __tablename__ = "shelves"
    metadata = TABLES

    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)


class Word(Base):
    """A row with a text that people enter."""

    __tablename__ = "words"
    metadata = TABLES

    text: Mapped[str] = mapped_column(primary_key=True)


class Day(Base):
    """A row with a date that people enter."""

    __tablename__ = "days"
    metadata = TABLES

    on: Mapped[date] = mapped_column(primary_key=True)


ID = UUID("01890000-0000-7000-8000-0000000000ab")


@pytest.mark.parametrize(
    ("model", "text", "key"),
    [
        (User, str(ID), ID),
        (User, str(ID).upper(), ID),
        (Town, "1", 1),
        (Town, str(2**31 - 1), 2**31 - 1),
        (Star, str(2**63 - 1), 2**63 - 1),
        (Shelf, str(-(2**15)), -(2**15)),
        (Word, " a/b?\n", " a/b?\n"),
        (Day, "2026-01-31", date(2026, 1, 31)),
    ],
)
def test_text_of_a_key_is_parsed(model: Any, text: str, key: object) -> None:
    assert parse_key(model, text) == key
    assert parse_keys(model, [text, "\x00"]) == {text: key}
    assert normalize_key(model, text) == str(key)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (User, "1"),
        (User, ""),
        (Town, ""),
        (Town, "01"),
        (Town, " 1"),
        (Town, "\u0661"),
        (Town, "1_0"),
        (Town, str(2**31)),
        (Star, str(2**63)),
        (Shelf, str(2**15)),
        (Word, "\x00"),
        (Word, "\ud800"),
        (Day, "2026-1-31"),
    ],
)
def test_other_text_is_rejected(model: Any, text: str) -> None:
    assert parse_keys(model, [text]) == {}
    assert normalize_key(model, text) == text


def test_keys_without_a_default_are_entered() -> None:
    assert [model.__name__ for model in (User, Town, Star, Shelf, Word, Day) if is_entered(model)] == [
        "Shelf",
        "Word",
        "Day",
    ]
    assert key_of(Shelf(number=7)) == 7
