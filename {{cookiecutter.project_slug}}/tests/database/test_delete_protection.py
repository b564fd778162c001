"""Delete protection: a referenced row can't be deleted, and the error counts the references."""

from collections.abc import Iterator

import pytest
from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from starlette.testclient import TestClient

from app.errors import StillReferenced
from app.i18n import available_locales, use_locale
from tests.support import in_database


class OwnTables(DeclarativeBase):
    """Tables outside the migrations, with names that no feature can have."""


class BigShop(OwnTables):
    """A row that is referenced."""

    __tablename__ = "shops_of_tests"

    name: Mapped[str] = mapped_column(primary_key=True)
    visits: Mapped[list["Visit"]] = relationship()


class BillLine(OwnTables):
    """A row whose reference prevents deletion."""

    __tablename__ = "bill_lines"

    name: Mapped[str] = mapped_column(primary_key=True)
    shop_name: Mapped[str] = mapped_column(ForeignKey("shops_of_tests.name"))
    second_name: Mapped[str | None] = mapped_column(ForeignKey("shops_of_tests.name", ondelete="SET NULL"))


class Visit(OwnTables):
    """A row whose reference is cleared by the relationship."""

    __tablename__ = "visits_of_tests"

    name: Mapped[str] = mapped_column(primary_key=True)
    shop_name: Mapped[str | None] = mapped_column(ForeignKey("shops_of_tests.name"))


@pytest.fixture
def shops(client: TestClient) -> Iterator[TestClient]:
    """Create the shops a, b and c: two lines refer to a, one to b, and one to c via `second_name`."""

    async def make(session: AsyncSession) -> None:
        await session.run_sync(lambda sync: OwnTables.metadata.create_all(sync.connection()))
        session.add_all([BigShop(name=name) for name in "abc"])
        await session.flush()
        session.add_all(
            [BillLine(name="1", shop_name="a"), BillLine(name="2", shop_name="a"), BillLine(name="3", shop_name="b")]
        )
        session.add_all([Visit(name="1", shop_name="c"), BillLine(name="4", shop_name="a", second_name="c")])

    in_database(client, make)
    yield client
    in_database(client, lambda session: session.run_sync(lambda sync: OwnTables.metadata.drop_all(sync.connection())))


@pytest.mark.parametrize(
    ("shop", "said"),
    [
        ("a", "Can't delete: 3 bill lines still refer to this big shop."),
        ("b", "Can't delete: 1 bill line still refers to this big shop."),
    ],
)
def test_error_counts_referencing_rows(shops: TestClient, shop: str, said: str) -> None:
    async def delete(session: AsyncSession) -> None:
        await session.delete(await session.get_one(BigShop, shop))
        await session.flush()

    with pytest.raises(StillReferenced) as rejected:
        in_database(shops, delete)

    assert rejected.value.detail == said


@pytest.mark.skipif("de" not in available_locales(), reason="there are no German texts")
def test_error_is_translated(shops: TestClient) -> None:
    async def delete(session: AsyncSession) -> None:
        await session.delete(await session.get_one(BigShop, "b"))
        with use_locale("de"):
            await session.flush()

    with pytest.raises(StillReferenced, match="Löschen nicht möglich: 1 Bill line verweist noch auf dieses Objekt"):
        in_database(shops, delete)


def test_row_is_deleted_together_with_or_after_its_references(shops: TestClient) -> None:
    async def delete(session: AsyncSession) -> list[str]:
        lines = {line.name: line for line in await session.scalars(select(BillLine))}
        await session.delete(await session.get_one(BigShop, "c"))  # the database and the relationship clear these
        await session.delete(lines["3"])
        await session.delete(await session.get_one(BigShop, "b"))
        await session.flush()
        return list(await session.scalars(select(BigShop.name)))

    assert in_database(shops, delete) == ["a"]


def test_row_can_be_deleted_in_the_flush_that_changes_its_last_reference(shops: TestClient) -> None:
    async def delete(session: AsyncSession) -> list[str]:
        line = await session.get_one(BillLine, "3")
        shop = await session.get_one(BigShop, "b")
        line.shop_name = "a"
        await session.delete(shop)
        await session.flush()
        return sorted(await session.scalars(select(BigShop.name)))

    assert in_database(shops, delete) == ["a", "c"]
