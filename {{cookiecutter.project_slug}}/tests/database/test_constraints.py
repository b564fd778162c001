"""Comparisons of columns."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import MetaData, UniqueConstraint
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped
from starlette.testclient import TestClient

from app.api.schemas import Schema, check_comparisons
from app.database.base import NAMING_CONVENTION, Record
from app.database.constraints import Comparison, comparisons_of, violates
from tests.support import in_database, tables_of


@pytest.mark.parametrize(
    ("comparison", "name", "sql"),
    [
        (Comparison("ends_at", ">", "starts_at", ""), "ends_at_gt_starts_at", "ends_at > starts_at"),
        (Comparison("order", "!=", "index", ""), "order_ne_index", '"order" != "index"'),
        (Comparison("price", "<", Decimal("0.50"), ""), "price_lt_0_50", "price < 0.50"),
        (Comparison("level", ">=", -2, ""), "level_ge__2", "level >= -2"),
        (Comparison("born", "<=", dt.date(2026, 1, 31), ""), "born_le_2026_01_31", "born <= '2026-01-31'"),
        (Comparison("opens", ">", dt.time(8), ""), "opens_gt_08_00_00", "opens > '08:00:00.000000'"),
        (
            Comparison("length", "<", dt.timedelta(minutes=90), ""),
            "length_lt_1h30m",
            "length < CAST('5400000000 us' AS INTERVAL)",
        ),
    ],
)
def test_comparison_has_a_name_and_sql_for_both_databases(comparison: Comparison, name: str, sql: str) -> None:
    assert (comparison.name, str(comparison.sqltext)) == (name, sql)


class Stay(Record):
    """A model with comparisons."""

    __tablename__ = "stays"
    metadata = MetaData(naming_convention=NAMING_CONVENTION)

    first: Mapped[int]
    last: Mapped[int | None]
    guests: Mapped[int]
    __table_args__ = (
        Comparison("last", ">=", "first", "Must not be less than the first"),
        Comparison("guests", "!=", 0, "Must differ from 0"),
    )


class Visit(Record):
    """A model whose constraints have longer names than PostgreSQL stores."""

    __tablename__ = "visits_of_people_who_have_never_been_here"
    metadata = MetaData(naming_convention=NAMING_CONVENTION)

    first_day_of_the_whole_visit: Mapped[int]
    number_of_all_the_people: Mapped[int]
    unique = UniqueConstraint("first_day_of_the_whole_visit", "number_of_all_the_people")
    __table_args__ = (unique, Comparison("number_of_all_the_people", ">", 0, "Must be more than 0"))


def test_constraint_with_a_long_name_is_recognized(client: TestClient) -> None:
    async def insert(session: AsyncSession, people: int) -> IntegrityError | None:
        try:
            async with session.begin_nested():
                session.add(Visit(first_day_of_the_whole_visit=1, number_of_all_the_people=people))
        except IntegrityError as error:
            return error
        return None

    async def work(session: AsyncSession) -> list[IntegrityError | None]:
        return [await insert(session, people) for people in (1, 1, 0)]

    with tables_of(client, Visit.metadata):
        added, taken, invalid = in_database(client, work)

    assert added is None
    assert taken is not None
    assert violates(taken, Visit.unique)
    assert not violates(taken, comparisons_of(Visit)[0])
    assert invalid is not None
    assert violates(invalid, comparisons_of(Visit)[0])
    assert not violates(invalid, Visit.unique)
    assert str(comparisons_of(Visit)[0].name)[:-4] == "ck_visits_of_people_who_have_never_been_here_number_of__"


class StayCreate(Schema):
    """A new stay."""

    first: int
    last: int | None = None
    guests: int


@pytest.mark.parametrize(
    ("values", "invalid"),
    [
        ({"first": 2, "last": 2, "guests": 1}, []),
        ({"first": 2, "guests": 1}, []),
        ({"first": 2, "last": 1, "guests": 1}, ["last"]),
        ({"first": 2, "last": 1, "guests": 0}, ["guests", "last"]),
    ],
)
def test_schema_names_each_field_whose_comparison_is_not_met(values: dict[str, Any], invalid: list[str]) -> None:
    data = StayCreate(**values)
    found: list[str] = []

    try:
        assert check_comparisons(data, Stay) is data
    except ValidationError as error:
        found = [str(item["loc"][0]) for item in error.errors()]

    assert found == invalid
