"""Durations are exact on both databases."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.testclient import TestClient

from app.database.column_types import ExactInterval
from app.database.durations import (
    MAX_DURATION,
    duration_default,
    format_duration,
    interval_sql,
    interval_value,
    iso_duration,
    parse_duration,
)
from tests.support import in_database, tables_of

HOUR = timedelta(hours=1)
LEAST = timedelta(microseconds=1)


class OwnTables(DeclarativeBase):
    """Tables outside the migrations, with names that no feature can have."""


class Lap(OwnTables):
    """A row with a duration."""

    __tablename__ = "laps_of_laps"

    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[timedelta | None] = mapped_column(ExactInterval, server_default=duration_default(-1.5 * HOUR))


@pytest.fixture
def laps(client: TestClient) -> Iterator[TestClient]:
    """Create the table."""
    with tables_of(client, OwnTables.metadata):
        yield client


def scalars(client: TestClient, query: Any, values: list[timedelta]) -> list[Any]:
    """Store the values, and return the results of a query."""

    async def run(session: AsyncSession) -> list[Any]:
        session.add_all([Lap(time=value) for value in values])
        await session.flush()
        return [*await session.scalars(query)]

    return in_database(client, run)


def test_durations_are_exact_and_sorted(laps: TestClient) -> None:
    values = [MAX_DURATION, -MAX_DURATION, timedelta(), -LEAST, LEAST, 10 * HOUR, 9 * HOUR]

    assert scalars(laps, select(Lap.time).order_by(Lap.time), values) == sorted(values)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (func.sum(Lap.time), 2 * HOUR + 3 * LEAST),
        (func.max(Lap.time), 3 * HOUR + LEAST),
        (func.min(Lap.time), -HOUR + 2 * LEAST),
        (func.avg(Lap.time), HOUR + 1.5 * LEAST),
        (func.sum(Lap.time - HOUR), 3 * LEAST),
        (func.sum(Lap.time + Lap.time), 4 * HOUR + 6 * LEAST),
    ],
)
def test_durations_are_computed(laps: TestClient, expression: Any, expected: timedelta) -> None:
    values = [3 * HOUR + LEAST, -HOUR + 2 * LEAST]

    assert scalars(laps, select(expression), values) == [expected]


def test_durations_are_compared(laps: TestClient) -> None:
    values = [HOUR, HOUR + LEAST, -2 * HOUR, 2 * HOUR]

    found = scalars(laps, select(Lap.time).where(Lap.time > HOUR, Lap.time + HOUR != 3 * HOUR), values)

    assert found == [HOUR + LEAST]


def test_default_is_a_duration(laps: TestClient) -> None:
    async def run(session: AsyncSession) -> timedelta | None:
        session.add(Lap())
        await session.flush()
        return await session.scalar(select(Lap.time).where(Lap.time == -1.5 * HOUR))

    assert in_database(laps, run) == -1.5 * HOUR


@pytest.mark.parametrize(
    ("value", "written", "iso"),
    [
        (timedelta(), "0s", "PT0S"),
        (1.5 * HOUR, "1h 30m", "PT1H30M"),
        (-25 * HOUR, "-1d 1h", "-P1DT1H"),
        (timedelta(days=400, microseconds=10), "400d 0.00001s", "P1Y35DT0.00001S"),
        (-1500 * timedelta(milliseconds=1), "-1.5s", "-PT1.5S"),
        (MAX_DURATION, "1000000d", "P2739Y265D"),
    ],
)
def test_duration_is_written_and_read(value: timedelta, written: str, iso: str) -> None:
    assert (format_duration(value), iso_duration(value)) == (written, iso)
    assert (parse_duration(written), parse_duration(iso), interval_value(interval_sql(value))) == (value, value, value)


@pytest.mark.parametrize("written", ["90m", "90 min", "1H30M", " 1h  30 m ", "+1h30m", "5400s", "1:30:00", "PT90M"])
def test_duration_can_be_written_in_other_ways(written: str) -> None:
    assert parse_duration(written) == 1.5 * HOUR


@pytest.mark.parametrize("written", ["", "90", "1:30", "h", "30m 1h", "1h 1h", "1.5h", "0.0000001s", "much", "٣h"])
def test_text_that_is_not_a_duration_is_rejected(written: str) -> None:
    with pytest.raises(ValueError, match="must be a duration such as 1h 30m"):
        parse_duration(written)


@pytest.mark.parametrize("written", ["1000001d", "-1000000d1s", "999999999d"])
def test_duration_that_is_too_long_is_rejected(written: str) -> None:
    with pytest.raises(ValueError, match="must be at most 1,000,000 days"):
        parse_duration(written)
