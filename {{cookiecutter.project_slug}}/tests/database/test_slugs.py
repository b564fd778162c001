"""Slugs that columns make from other columns."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import String, UniqueConstraint, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.testclient import TestClient

from app.database.constraints import violates
from app.database.slugs import fill_slugs, slug_from
from tests.support import in_database, tables_of

TOKEN = "[0-9a-f]{8}"


class OwnTables(DeclarativeBase):
    """Tables outside the migrations, with names that no feature can have."""


class Page(OwnTables):
    """A page of a book, with a slug that is unique in the book."""

    __tablename__ = "pages_of_pages"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(30), default=slug_from("title"))
    book: Mapped[str] = mapped_column(String(20), default="")

    unique_slug = UniqueConstraint("book", "slug", name="uq_pages_of_pages_book_slug")
    __table_args__ = (unique_slug,)


@pytest.fixture
def pages(client: TestClient) -> Iterator[TestClient]:
    """Create the table."""
    with tables_of(client, OwnTables.metadata):
        yield client


def slugs_of(client: TestClient, *rows: Page, at_once: bool = False) -> list[str]:
    """Insert the pages, one by one or with one statement, and return their slugs."""

    async def write(session: AsyncSession) -> list[str]:
        for row in rows:
            session.add(row)
            if not at_once:
                await session.flush()
        await session.flush()
        return [row.slug for row in rows]

    return in_database(client, write)


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Tea & coffee", "tea-coffee"),
        ("  Don't stop: it\u2019s 5!", "dont-stop-its-5"),
        ("Ärger über Öl: Straße", "arger-uber-ol-strasse"),
        ("Привет, мир", "privet-mir"),
        ("你好世界", "ni-hao-shi-jie"),
        ("snake_case/path\\file", "snake-case-path-file"),
        ("New", "new-2"),
        ("one two three four five six", "one-two-three-four"),
        ("x" * 200, "x" * 21),
        ("😀 🎉", TOKEN),
        ("?!…", TOKEN),
        ("", TOKEN),
        (None, TOKEN),
    ],
)
def test_slug_is_made_from_the_title(pages: TestClient, title: str | None, slug: str) -> None:
    (made,) = slugs_of(pages, Page(title=title))

    assert re.fullmatch(slug, made)


@pytest.mark.parametrize("at_once", [False, True])
def test_taken_slug_gets_a_suffix(pages: TestClient, *, at_once: bool) -> None:
    made = slugs_of(pages, *(Page(title=f"Tea{'!' * count}") for count in range(11)), at_once=at_once)

    assert made[:9] == ["tea", *(f"tea-{number}" for number in range(2, 10))]
    assert all(re.fullmatch(f"tea-{TOKEN}", slug) for slug in made[9:])
    assert len(set(made)) == 11


def test_slug_is_unique_only_in_its_book(pages: TestClient) -> None:
    made = slugs_of(pages, Page(title="Tea", book="a"), Page(title="Tea", book="b"), Page(title="Tea", book="a"))

    assert made == ["tea", "tea", "tea-2"]


def test_given_slug_is_stored_and_a_new_title_keeps_it(pages: TestClient) -> None:
    async def rename(session: AsyncSession) -> list[str]:
        for page in await session.scalars(select(Page)):
            page.title = "Coffee"
        await session.flush()
        return [*await session.scalars(select(Page.slug).order_by(Page.id))]

    slugs_of(pages, Page(title="Tea", slug="mine"), Page(title="Tea"))

    assert in_database(pages, rename) == ["mine", "tea"]


def test_statement_with_several_rows_makes_slugs(pages: TestClient) -> None:
    async def write(session: AsyncSession) -> list[str]:
        await session.execute(insert(Page), [{"title": "Tea"}, {"title": "Tea"}, {"title": "Coffee"}])
        return [*await session.scalars(select(Page.slug).order_by(Page.id))]

    assert in_database(pages, write) == ["tea", "tea-2", "coffee"]


def test_concurrent_writers_get_different_slugs_or_a_conflict(pages: TestClient) -> None:
    async def write() -> str | IntegrityError:
        page = Page(title="Tea")
        try:
            async with pages.app_state["database"].sessions.begin() as session:
                session.add(page)
                await session.flush()
                await asyncio.sleep(0.05)
        except IntegrityError as error:
            return error
        return page.slug

    async def race() -> list[str | IntegrityError]:
        return await asyncio.gather(*(write() for _ in range(4)))

    assert pages.portal is not None
    results = pages.portal.call(race)

    made = [result for result in results if isinstance(result, str)]
    assert made
    assert len(set(made)) == len(made)
    assert all(violates(result, Page.unique_slug) for result in results if not isinstance(result, str))


def test_existing_rows_are_filled(pages: TestClient) -> None:
    async def fill(session: AsyncSession) -> list[str]:
        rows = [("Tea", "a", "1"), ("Tea", "a", "2"), ("Tea", "b", "3"), ("New", "a", "4"), (None, "a", "5")]
        session.add_all([Page(title=title, book=book, slug=slug) for title, book, slug in rows])
        await session.flush()
        await session.run_sync(
            lambda sync: fill_slugs(
                sync.connection(), "pages_of_pages", "slug", source="title", length=30, within=["book"]
            )
        )
        return [*await session.scalars(select(Page.slug).order_by(Page.id))]

    made = in_database(pages, fill)

    assert made[:4] == ["tea", "tea-2", "tea", "new-2"]
    assert re.fullmatch(TOKEN, made[4])
