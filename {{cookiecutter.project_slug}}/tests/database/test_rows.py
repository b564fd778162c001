"""Rows that the driver writes and reads have the values that the ORM reads."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from pydantic import JsonValue
from sqlalchemy import BigInteger, Numeric, String, event, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.testclient import TestClient

from app.api.schemas import ResponseSchema
from app.database.base import Base, utc_now
from app.database.rows import delete_row, fetch_one, insert_row, update_row
from tests.support import DRIVER_EXECUTION, in_database, tables_of


class OwnTables(DeclarativeBase):
    """Tables outside the migrations, with names that no feature can have."""

    type_annotation_map = Base.type_annotation_map


class Mood(StrEnum):
    """Values of an enum column."""

    CALM = "calm"
    WILD = "wild"


class Sample(OwnTables):
    """A row with a column of each type."""

    __tablename__ = "samples_of_samples"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    version: Mapped[int] = mapped_column()
    text: Mapped[str] = mapped_column(String(40))
    big: Mapped[int] = mapped_column(BigInteger)
    ratio: Mapped[float]
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    open: Mapped[bool]
    day: Mapped[dt.date]
    hour: Mapped[dt.time]
    moment: Mapped[dt.datetime]
    code: Mapped[UUID | None]
    mood: Mapped[Mood]
    words: Mapped[list[str]]
    facts: Mapped[dict[str, JsonValue] | None]
    level: Mapped[int | None] = mapped_column(server_default="3")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's


class SampleRead(ResponseSchema):
    """What is read of it."""

    id: UUID
    version: int
    text: str
    big: int
    ratio: float
    price: Decimal
    open: bool
    day: dt.date
    hour: dt.time
    moment: dt.datetime
    code: UUID | None
    mood: Mood
    words: list[str]
    facts: dict[str, JsonValue] | None
    level: int | None


class Derived(OwnTables):
    """A row with a default that depends on the row."""

    __tablename__ = "derived_samples"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    version: Mapped[int] = mapped_column()
    updated_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    text: Mapped[str] = mapped_column(String(40))
    shout: Mapped[str] = mapped_column(
        String(40), default=lambda context: context.get_current_parameters()["text"].upper()
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's


class DerivedRead(ResponseSchema):
    """What is read of it."""

    id: UUID
    version: int
    text: str
    shout: str


MODEL: Any = Sample
FIRST = {
    "text": "Zoë's ¼",
    "big": 2**62,
    "ratio": 0.1,
    "price": Decimal("12.50"),
    "open": True,
    "day": dt.date(26, 1, 31),
    "hour": dt.time(10, 0, 0, 120456),
    "moment": dt.datetime(2026, 1, 31, 12, 0, 0, 120456, dt.UTC),
    "code": None,
    "mood": Mood.CALM,
    "words": ["a", "b"],
    "facts": None,
    "level": None,
}
SECOND = {**FIRST, "ratio": -1e300, "price": Decimal("0.00"), "open": False, "code": uuid4(), "mood": Mood.WILD}
SECOND |= {"words": [], "facts": {"a": [1, None, {"b": True}]}, "text": "", "big": -(2**63)}


@pytest.fixture
def samples(client: TestClient) -> Iterator[TestClient]:
    """Create the table."""
    with tables_of(client, OwnTables.metadata):
        yield client


def test_orm_stores_none_although_there_is_a_default(samples: TestClient) -> None:
    omitted = {name: value for name, value in FIRST.items() if name != "level"}

    async def add_and_read(session: AsyncSession) -> list[int | None]:
        session.add_all([MODEL(**FIRST), MODEL(**omitted)])
        await session.flush()
        return [*await session.scalars(select(Sample.level).order_by(Sample.level.is_(None)))]

    assert in_database(samples, add_and_read) == [3, None]


def test_values_of_each_type_are_those_of_the_orm(samples: TestClient) -> None:
    database = samples.app_state["database"]

    async def write() -> list[Any]:
        async with database.sessions() as session:  # not in a transaction of its own, in which the ORM would execute
            inserted = await insert_row(session, MODEL, FIRST, SampleRead)
            found = await fetch_one(session, select(Sample), SampleRead)
            updated = await update_row(session, MODEL, inserted, SECOND)
            assert bool(session.driver) == DRIVER_EXECUTION
            await session.commit()
        return [inserted, found, updated]

    async def read(session: AsyncSession) -> SampleRead:
        return SampleRead.model_validate(await session.scalar(select(Sample)))

    assert samples.portal
    inserted, found, updated = samples.portal.call(write)

    assert inserted == found
    assert inserted.model_dump(exclude={"id"}) == {"version": 1, **FIRST}
    assert updated.model_dump(exclude={"id"}) == {"version": 2, **SECOND}
    assert in_database(samples, read) == updated


def test_orm_writes_what_the_driver_would_write_differently(samples: TestClient) -> None:
    """Defaults that depend on the row, and listeners of the model."""
    heard: list[str] = []
    database, model = samples.app_state["database"], cast(Any, Derived)

    def hear(_mapper: object, _connection: object, row: Any) -> None:
        heard.append(row.text)

    async def write() -> list[str]:
        async with database.sessions() as session:
            row = await insert_row(session, model, {"text": "tea"}, DerivedRead)
            changed = await update_row(session, model, row, {"text": "milk"})
            await session.commit()
        async with database.sessions() as session:
            await delete_row(session, model, changed)
            await session.commit()
        return [row.shout, changed.shout]

    assert samples.portal
    for name in ("before_update", "after_delete"):
        event.listen(Derived, name, hear)
    try:
        assert samples.portal.call(write) == ["TEA", "TEA"]
    finally:
        for name in ("before_update", "after_delete"):
            event.remove(Derived, name, hear)
    assert heard == ["milk", "milk"]
