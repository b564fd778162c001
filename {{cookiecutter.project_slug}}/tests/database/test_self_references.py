"""Self-referencing tables: no cycle can be created, and existing ones can be repaired and deleted."""

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
    """Tables outside the migrations, with names that no feature can have."""


class Part(OwnTables):
    """A part, optionally of another part."""

    __tablename__ = "parts_of_parts"

    name: Mapped[str] = mapped_column(primary_key=True)
    note: Mapped[str] = mapped_column(default="")
    parent_name: Mapped[str | None] = mapped_column(ForeignKey("parts_of_parts.name"))
    twin_name: Mapped[str | None] = mapped_column(ForeignKey("parts_of_parts.name"), info={"allow_cycles": True})

    parent: Mapped["Part | None"] = relationship(
        foreign_keys=[parent_name], remote_side=[name], back_populates="parts", lazy="selectin", join_depth=2
    )
    parts: Mapped[list["Part"]] = relationship(
        foreign_keys=[parent_name], back_populates="parent", lazy="selectin", join_depth=2
    )


Work = Callable[[AsyncSession, dict[str, Part]], Awaitable[Any]]


@pytest.fixture
def parts(client: TestClient) -> Iterator[TestClient]:
    """Create the parts a, b and c without parents."""

    async def make(session: AsyncSession) -> None:
        await session.run_sync(lambda sync: OwnTables.metadata.create_all(sync.connection()))
        session.add_all([Part(name=name) for name in "abc"])

    in_database(client, make)
    yield client
    in_database(client, lambda session: session.run_sync(lambda sync: OwnTables.metadata.drop_all(sync.connection())))


def set_parents(client: TestClient, **parents: str) -> None:
    """Store parents without checks, as older data may have them."""

    async def write(session: AsyncSession) -> None:
        for name, parent in parents.items():
            await session.execute(update(Part).where(Part.name == name).values(parent_name=parent))

    in_database(client, write)


def read_parents(client: TestClient) -> dict[str, str | None]:
    """Return the parent of each part."""

    async def read(session: AsyncSession) -> dict[str, str | None]:
        return {part.name: part.parent_name for part in await session.scalars(select(Part).order_by(Part.name))}

    return in_database(client, read)


def change(client: TestClient, work: Work) -> dict[str, str | None]:
    """Run `work(session, parts)` with all rows loaded; return the parent of each part afterwards."""

    async def run(session: AsyncSession) -> None:
        await work(session, {part.name: part for part in await session.scalars(select(Part))})

    in_database(client, run)
    return read_parents(client)


async def own_column(_: AsyncSession, parts: dict[str, Part]) -> None:
    parts["a"].parent_name = "a"


async def own_relationship(_: AsyncSession, parts: dict[str, Part]) -> None:
    parts["a"].parent = parts["a"]


async def below_column(_: AsyncSession, parts: dict[str, Part]) -> None:
    parts["c"].parent_name = "a"


async def below_relationship(_: AsyncSession, parts: dict[str, Part]) -> None:
    parts["c"].parent = parts["a"]


async def below_collection(_: AsyncSession, parts: dict[str, Part]) -> None:
    parts["a"].parts.append(parts["c"])


@pytest.mark.parametrize("work", [own_column, own_relationship, below_column, below_relationship, below_collection])
def test_row_cannot_become_its_own_ancestor(parts: TestClient, work: Work) -> None:
    set_parents(parts, a="b", b="c")

    with pytest.raises(InvalidRequest) as rejected:
        change(parts, work)

    assert rejected.value.errors[0]["loc"] == ("body", "parent_name")
    assert read_parents(parts) == {"a": "b", "b": "c", "c": None}


def test_moving_two_rows_together_cannot_create_a_cycle(parts: TestClient) -> None:
    async def move(_: AsyncSession, parts: dict[str, Part]) -> None:
        parts["a"].parent, parts["b"].parent = parts["b"], parts["a"]

    with pytest.raises(InvalidRequest):
        change(parts, move)


def test_two_rows_can_swap_places(parts: TestClient) -> None:
    set_parents(parts, a="b", b="c")

    async def swap(_: AsyncSession, parts: dict[str, Part]) -> None:
        parts["a"].parent, parts["b"].parent = parts["c"], parts["a"]

    assert change(parts, swap) == {"a": "c", "b": "a", "c": None}


def test_column_can_allow_cycles(parts: TestClient) -> None:
    async def pair(session: AsyncSession, parts: dict[str, Part]) -> None:
        parts["a"].twin_name, parts["b"].twin_name = "b", "a"
        await session.flush()
        parts["a"].note = parts["b"].note = "paired"

    change(parts, pair)

    async def read(session: AsyncSession) -> list[tuple[Any, ...]]:
        query = select(Part.note, Part.twin_name).order_by(Part.name)
        return [(*row,) for row in await session.execute(query)]

    assert in_database(parts, read) == [("paired", "b"), ("paired", "a"), ("", None)]


@pytest.mark.parametrize("parents", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "a"}])
def test_existing_cycle_can_be_changed_repaired_and_deleted(parts: TestClient, parents: dict[str, str]) -> None:
    set_parents(parts, **parents)

    async def rename(_: AsyncSession, parts: dict[str, Part]) -> None:
        for part in parts.values():
            part.note = "changed"

    async def repair(_: AsyncSession, parts: dict[str, Part]) -> None:
        parts["a"].parent = None

    async def delete(session: AsyncSession, parts: dict[str, Part]) -> None:
        for name in parents:
            await session.delete(parts[name])

    changed = change(parts, rename)
    assert {name: parent for name, parent in changed.items() if parent} == parents
    assert change(parts, repair) == {**changed, "a": None}
    set_parents(parts, **parents)
    assert change(parts, delete) == dict.fromkeys("abc"[len(parents) :])


def test_row_can_be_below_an_existing_cycle(parts: TestClient) -> None:
    set_parents(parts, a="b", b="a")

    async def move(_: AsyncSession, parts: dict[str, Part]) -> None:
        parts["c"].parent_name = "a"

    assert change(parts, move) == {"a": "b", "b": "a", "c": "a"}


def test_chain_can_be_long(parts: TestClient) -> None:
    async def close(session: AsyncSession) -> None:
        names = ["c", *(f"d{number}" for number in range(2000))]
        chain = [{"name": name, "note": "", "parent_name": parent} for parent, name in pairwise(names)]
        await session.execute(insert(Part), chain)
        top = await session.get_one(Part, "c")
        top.parent_name = names[-1]

    with pytest.raises(InvalidRequest):
        in_database(parts, close)


@pytest.mark.database("postgresql")  # SQLite has one writer
def test_concurrent_moves_cannot_create_a_cycle(parts: TestClient) -> None:
    sessions = parts.app_state["database"].sessions

    async def move(session: AsyncSession, name: str, parent: str) -> None:
        (await session.get_one(Part, name)).parent_name = parent
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
