"""Decimals with more digits than a floating-point number has."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.testclient import TestClient

from app.database.column_types import ExactNumeric
from tests.support import in_database, tables_of

NUMBERS = [Decimal("922337203685477.5807"), Decimal("-922337203685477.5807"), Decimal("922337203685477.5806")]


class OwnTables(DeclarativeBase):
    """Tables outside the migrations, with names that no feature can have."""


class Amount(OwnTables):
    """A row with an exact number."""

    __tablename__ = "amounts_of_amounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    pieces: Mapped[int] = mapped_column(default=3)
    value: Mapped[Decimal | None] = mapped_column(ExactNumeric(19, 4), server_default="0.0000")


@pytest.fixture
def amounts(client: TestClient) -> Iterator[TestClient]:
    """Create the table."""
    with tables_of(client, OwnTables.metadata):
        yield client


def scalars(client: TestClient, query: Any, values: list[Decimal]) -> list[Any]:
    """Store the values, and return the results of a query."""

    async def run(session: AsyncSession) -> list[Any]:
        session.add_all([Amount(value=value) for value in values])
        await session.flush()
        return [*await session.scalars(query)]

    return in_database(client, run)


def test_numbers_are_exact_and_sorted(amounts: TestClient) -> None:
    first, second, third = NUMBERS

    found = scalars(amounts, select(Amount.value).order_by(Amount.value), NUMBERS)

    assert found == [second, third, first]
    assert [f"{value:f}" for value in found] == [f"{value:f}" for value in (second, third, first)]


def test_numbers_are_compared(amounts: TestClient) -> None:
    query = select(Amount.value).where(Amount.value >= Decimal("922337203685477.5807"))

    assert scalars(amounts, query, NUMBERS) == NUMBERS[:1]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (func.min(Amount.value), "-1.5000"),
        (func.max(Amount.value), "100000000000000.0001"),
        (func.sum(Amount.value), "99999999999999.5002"),
        (func.sum(Amount.value * 2), "199999999999999.0004"),
        (func.sum(Amount.value * Amount.pieces), "299999999999998.5006"),
        (func.sum(2 * Amount.value + Decimal("0.5")), "200000000000000.5004"),
        (func.max(Amount.value - Decimal("0.5")), "99999999999999.5001"),
        (func.coalesce(func.sum(Amount.value), Decimal(0)), "99999999999999.5002"),
    ],
    ids=str,
)
def test_aggregates_are_exact(amounts: TestClient, expression: Any, expected: str) -> None:
    values = [Decimal("-1.5000"), Decimal("1.0001"), Decimal("100000000000000.0001")]

    assert scalars(amounts, select(expression), values) == [Decimal(expected)]


def test_average_is_a_decimal(amounts: TestClient) -> None:
    (average,) = scalars(amounts, select(func.avg(Amount.value)), [Decimal("1.5"), Decimal("2.5001")])

    assert average == Decimal("2.00005")


def test_default_and_rounding_are_those_of_postgresql(amounts: TestClient) -> None:
    values = [Decimal("0.00005"), Decimal("-0.00005"), Decimal("0.00004")]

    async def add_default(session: AsyncSession) -> None:
        session.add(Amount())

    in_database(amounts, add_default)

    found = scalars(amounts, select(Amount.value).order_by(Amount.id), values)
    assert [f"{value:f}" for value in found] == ["0.0000", "0.0001", "-0.0001", "0.0000"]


@pytest.mark.any_database
@pytest.mark.parametrize(
    "compute",
    [
        lambda value: value * Decimal("1.1"),
        lambda value: value * value,
        lambda value: value / 2,
        lambda value: Decimal("1.1") * value,
    ],
    ids=["by a number", "of columns", "quotient", "of a number"],
)
def test_products_that_would_depend_on_the_database_are_rejected(compute: Any) -> None:
    with pytest.raises(TypeError, match="in Python"):
        compute(Amount.value)
