"""Rows that refer to their own table: no cycle is made, and stored ones can be repaired and deleted."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import ForeignKey, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from starlette.testclient import TestClient

from app.errors import InvalidRequest
from tests.support import in_database


class OwnTables(DeclarativeBase):
    """Tables that no migration makes, and names that no feature can have."""


class Part(OwnTables):
    """A part, which may be a part of another one."""

    __tablename__ = "parts_of_parts"

    name: Mapped[str] = mapped_column(primary_key=True)
    note: Mapped[str] = mapped_column(default="")
    whole_name: Mapped[str | None] = mapped_column(ForeignKey("parts_of_parts.name"))
    twin_name: Mapped[str | None] = mapped_column(ForeignKey("parts_of_parts.name"), info={"allow_cycles": True})

    whole: Mapped["Part | None"] = relationship(
        foreign_keys=[whole_name], remote_side=[name], back_populates="parts", lazy="selectin", join_depth=2
    )
    parts: Mapped[list["Part"]] = relationship(
        foreign_keys=[whole_name], back_populates="whole", lazy="selectin", join_depth=2
    )


Work = Callable[[AsyncSession, dict[str, Part]], Awaitable[Any]]


@pytest.fixture
def parts(client: TestClient) -> Iterator[TestClient]:
    """Make the parts a, b and c, none of which is a part of another one."""

    async def make(session: AsyncSession) -> None:
        await session.run_sync(lambda sync: OwnTables.metadata.create_all(sync.connection()))
        session.add_all([Part(name=name) for name in "abc"])

    in_database(client, make)
    yield client
    in_database(client, lambda session: session.run_sync(lambda sync: OwnTables.metadata.drop_all(sync.connection())))


def tie(client: TestClient, **wholes: str) -> None:
    """Store of what each is a part, as older data may have it."""

    async def write(session: AsyncSession) -> None:
        for name, whole in wholes.items():
            await session.execute(update(Part).where(Part.name == name).values(whole_name=whole))

    in_database(client, write)


def read_wholes(client: TestClient) -> dict[str, str | None]:
    """Return of what each is a part."""

    async def read(session: AsyncSession) -> dict[str, str | None]:
        return {part.name: part.whole_name for part in await session.scalars(select(Part).order_by(Part.name))}

    return in_database(client, read)


def change(client: TestClient, work: Work) -> dict[str, str | None]:
    """Run `work(session, parts)`, with all rows loaded, and return of what each is a part then."""

    async def run(session: AsyncSession) -> None:
        await work(session, {part.name: part for part in await session.scalars(select(Part))})

    in_database(client, run)
    return read_wholes(client)


async def own_column(_: AsyncSession, parts: dict[str, Part]) -> None:
    parts["a"].whole_name = "a"


async def own_relationship(_: AsyncSession, parts: dict[str, Part]) -> None:
    parts["a"].whole = parts["a"]


async def below_column(_: AsyncSession, parts: dict[str, Part]) -> None:
    parts["c"].whole_name = "a"


async def below_relationship(_: AsyncSession, parts: dict[str, Part]) -> None:
    parts["c"].whole = parts["a"]


async def below_collection(_: AsyncSession, parts: dict[str, Part]) -> None:
    parts["a"].parts.append(parts["c"])


@pytest.mark.parametrize("work", [own_column, own_relationship, below_column, below_relationship, below_collection])
def test_no_row_becomes_its_own_ancestor(parts: TestClient, work: Work) -> None:
    tie(parts, a="b", b="c")

    with pytest.raises(InvalidRequest) as refused:
        change(parts, work)

    assert refused.value.errors[0]["loc"] == ("body", "whole_name")
    assert read_wholes(parts) == {"a": "b", "b": "c", "c": None}


def test_two_rows_moved_together_make_no_cycle(parts: TestClient) -> None:
    async def move(_: AsyncSession, parts: dict[str, Part]) -> None:
        parts["a"].whole, parts["b"].whole = parts["b"], parts["a"]

    with pytest.raises(InvalidRequest):
        change(parts, move)


def test_two_rows_change_places(parts: TestClient) -> None:
    tie(parts, a="b", b="c")

    async def swap(_: AsyncSession, parts: dict[str, Part]) -> None:
        parts["a"].whole, parts["b"].whole = parts["c"], parts["a"]

    assert change(parts, swap) == {"a": "c", "b": "a", "c": None}


def test_column_that_allows_cycles_may_have_them(parts: TestClient) -> None:
    async def pair(session: AsyncSession, parts: dict[str, Part]) -> None:
        parts["a"].twin_name, parts["b"].twin_name = "b", "a"
        await session.flush()
        parts["a"].note = parts["b"].note = "paired"

    change(parts, pair)

    async def read(session: AsyncSession) -> list[tuple[Any, ...]]:
        query = select(Part.note, Part.twin_name).order_by(Part.name)
        return [(*row,) for row in await session.execute(query)]

    assert in_database(parts, read) == [("paired", "b"), ("paired", "a"), ("", None)]


@pytest.mark.parametrize("wholes", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "a"}])
def test_stored_cycle_is_changed_repaired_and_deleted(parts: TestClient, wholes: dict[str, str]) -> None:
    tie(parts, **wholes)

    async def rename(_: AsyncSession, parts: dict[str, Part]) -> None:
        for part in parts.values():
            part.note = "changed"

    async def repair(_: AsyncSession, parts: dict[str, Part]) -> None:
        parts["a"].whole = None

    async def delete(session: AsyncSession, parts: dict[str, Part]) -> None:
        for name in wholes:
            await session.delete(parts[name])

    changed = change(parts, rename)
    assert {name: whole for name, whole in changed.items() if whole} == wholes
    assert change(parts, repair) == {**changed, "a": None}
    tie(parts, **wholes)
    assert change(parts, delete) == dict.fromkeys("abc"[len(wholes) :])


def test_row_may_stand_below_a_stored_cycle(parts: TestClient) -> None:
    tie(parts, a="b", b="a")

    async def move(_: AsyncSession, parts: dict[str, Part]) -> None:
        parts["c"].whole_name = "a"

    assert change(parts, move) == {"a": "b", "b": "a", "c": "a"}


def test_chain_may_be_long(parts: TestClient) -> None:
    async def close(session: AsyncSession) -> None:
        names = ["c", *(f"d{number}" for number in range(2000))]
        chain = [{"name": name, "note": "", "whole_name": whole} for whole, name in pairwise(names)]
        await session.execute(insert(Part), chain)
        top = await session.get_one(Part, "c")
        top.whole_name = names[-1]

    with pytest.raises(InvalidRequest):
        in_database(parts, close)


@pytest.mark.database("postgresql")  # SQLite has one writer
def test_two_who_move_rows_at_once_make_no_cycle(parts: TestClient) -> None:
    sessions = parts.app_state["database"].sessions

    async def move(session: AsyncSession, name: str, whole: str) -> None:
        (await session.get_one(Part, name)).whole_name = whole
        await session.flush()

    async def second() -> None:
        async with sessions.begin() as session:
            await move(session, "b", "a")

    async def waits(session: AsyncSession) -> bool:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return bool(await session.scalar(text(waiting)))

    async def both() -> BaseException | None:
        async with sessions.begin() as session:
            await move(session, "a", "b")
            task = asyncio.create_task(second())
            while not task.done() and not await waits(session):  # noqa: ASYNC110 - the database knows it
                await asyncio.sleep(0.01)
        await asyncio.wait({task})
        return task.exception()

    assert parts.portal is not None
    assert isinstance(parts.portal.call(both), InvalidRequest)
