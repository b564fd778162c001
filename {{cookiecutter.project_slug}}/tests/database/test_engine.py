"""Database engines: settings, transactions and column types."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import JsonValue
from sqlalchemy import JSON, Column, Integer, MetaData, Table, Text, cast, column, func, null, select, table, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError
from starlette.testclient import TestClient

from app.accounts.models import Role, User
from app.database.base import Base
from app.database.connection import Database, open_database
from app.database.constraints import violates
from app.settings.config import Settings
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database, in_database_of


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2), ("busy_timeout", 10_000)]
)
def test_sqlite_pragmas(settings: Settings, pragma: str, value: object) -> None:
    async def ask(database: Database) -> object:
        async with database.sessions() as session:
            return await session.scalar(text(f"PRAGMA {pragma}"))

    assert in_database_of(settings, ask) == value


@pytest.mark.database("sqlite")
def test_sqlite_readers_do_not_wait_for_a_writer(settings: Settings) -> None:
    async def read_while_writing(database: Database) -> int:
        async with database.sessions.begin() as writer:
            writer.add(Role(name="new"))
            await writer.flush()
            async with database.read_sessions() as reader:
                return len((await reader.scalars(select(Role))).all())

    assert in_database_of(settings, read_while_writing) == 0


@pytest.mark.database("sqlite")
def test_open_transaction_is_rolled_back_on_return_to_the_pool(settings: Settings) -> None:
    def leave_open(connection: Connection) -> None:
        raw = connection.engine.raw_connection()
        raw.cursor().execute("BEGIN IMMEDIATE")
        raw.cursor().execute("DELETE FROM roles")
        raw.close()

    async def write_after_it(database: Database) -> int:
        async with database.sessions.begin() as session:
            session.add(Role(name="new"))
        async with database.engine.connect() as connection:
            await connection.run_sync(leave_open)
        async with database.sessions.begin() as session:
            return len((await session.scalars(select(Role))).all())

    assert in_database_of(settings, write_after_it) == 1


@pytest.mark.any_database
@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
@pytest.mark.parametrize("mode", [pytest.param(None, id="new"), pytest.param(0o664, id="world-readable")])
def test_sqlite_files_are_not_readable_by_other_users(
    tmp_path: Path, make_settings: Callable[..., Settings], mode: int
) -> None:
    path = tmp_path / "private.db"
    if mode is not None:
        path.touch(mode)
        path.chmod(mode)

    async def modes(database: Database) -> list[int]:
        async with database.engine.begin() as connection:
            await connection.execute(text("CREATE TABLE things (id INTEGER)"))
            return [os.stat(f"{path}{end}").st_mode & 0o777 for end in ("", "-wal", "-shm")]  # noqa: PTH116

    found = in_database_of(make_settings(database={"url": f"sqlite:///{path}"}), modes)

    assert found == [0o600 if mode is None else 0o660] * 3


@pytest.mark.database("postgresql")
def test_read_sessions_open_no_transaction(settings: Settings) -> None:
    """`now()` is the start of the transaction, so it differs if each statement has its own."""

    async def moments(database: Database) -> list[datetime | None]:
        async with database.read_sessions.begin() as session:
            return [await session.scalar(text("SELECT now()")) for _ in range(2)]

    first, second = in_database_of(settings, moments)

    assert first != second


@pytest.mark.database("postgresql")
def test_connection_closed_by_the_server_is_replaced(settings: Settings) -> None:
    """As after a restart of PostgreSQL: the next request succeeds."""

    async def backend(database: Database) -> int | None:
        async with database.read_sessions() as session:
            number: int | None = await session.scalar(text("SELECT pg_backend_pid()"))
            return number

    async def outlive(database: Database) -> tuple[int | None, int | None]:
        before = await backend(database)
        async with open_database(settings.database) as other, other.sessions() as session:
            await session.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": before})
        return before, await backend(database)

    before, after = in_database_of(settings, outlive)

    assert before != after


def test_writers_that_read_first_wait_for_each_other(settings: Settings) -> None:
    """On SQLite, all but one would fail if the lock was taken at the first write."""

    async def count_up(database: Database) -> list[str]:
        async with database.sessions.begin() as session:
            session.add(Role(name="counted", permissions=[]))

        async def add(number: int) -> None:
            async with database.sessions.begin() as session:
                role = await session.scalar(select(Role).where(Role.name == "counted").with_for_update())
                assert role is not None
                await asyncio.sleep(0.01)
                role.permissions = [*role.permissions, str(number)]

        await asyncio.gather(*(add(number) for number in range(5)))
        async with database.read_sessions() as reading:
            return (await reading.scalars(select(Role.permissions))).one()

    assert sorted(in_database_of(settings, count_up)) == ["0", "1", "2", "3", "4"]


def test_foreign_keys_are_checked(client: TestClient) -> None:
    async def add_orphan(session: AsyncSession) -> None:
        session.add(SampleNote(title="orphan", owner_id=UUID(int=7)))
        await session.flush()

    with pytest.raises(IntegrityError):
        in_database(client, add_orphan)


def test_datetimes_are_returned_aware_and_in_utc(client: TestClient, ada: User) -> None:
    at = datetime(2026, 7, 1, 12, 0, 0, 123456, timezone(timedelta(hours=2)))

    async def store(session: AsyncSession) -> None:
        user = await session.get_one(User, ada.id)
        user.last_login_at = at

    in_database(client, store)
    found = in_database(client, lambda session: session.get_one(User, ada.id))

    assert found.last_login_at == at
    assert found.last_login_at is not None
    assert found.last_login_at.tzinfo is UTC
    assert found.created_at.tzinfo is UTC
    assert found.password_changed_at is not None
    assert abs(datetime.now(UTC) - found.password_changed_at) < timedelta(minutes=1)


def test_naive_datetime_is_rejected(client: TestClient, ada: User) -> None:
    async def store(session: AsyncSession) -> None:
        user = await session.get_one(User, ada.id)
        user.last_login_at = datetime(2026, 7, 1)  # noqa: DTZ001 - naive on purpose

    with pytest.raises(StatementError, match="naive datetime"):
        in_database(client, store)


def test_keys_are_uuid7_in_order_of_creation(client: TestClient) -> None:
    async def add(session: AsyncSession) -> list[UUID]:
        roles = [Role(name=f"role {number}") for number in range(50)]
        for role in roles:
            session.add(role)
            await session.flush()
        return [role.id for role in roles]

    keys = in_database(client, add)

    assert {key.version for key in keys} == {7}
    assert keys == sorted(keys)
    in_order = in_database(client, lambda session: session.scalars(select(Role.id).order_by(Role.id)))
    assert list(in_order) == keys


def test_version_is_incremented_and_a_stale_one_is_rejected(client: TestClient, ada: User) -> None:
    assert ada.version == 1

    async def change_behind_our_back(session: AsyncSession) -> None:
        user = await session.get_one(User, ada.id)
        await session.execute(text("UPDATE users SET version = version + 1"))
        user.display_name = "Ada"
        await session.flush()

    with pytest.raises(StaleDataError):
        in_database(client, change_behind_our_back)


def test_violated_constraint_is_identified(client: TestClient, ada: User) -> None:
    async def violate(session: AsyncSession) -> tuple[bool, bool]:
        session.add(SampleNote(title="twice", owner_id=ada.id))
        await session.flush()
        session.add(SampleNote(title="twice", owner_id=ada.id))
        with pytest.raises(IntegrityError) as title:
            await session.flush()
        await session.rollback()
        session.add(SampleNote(title="orphan", owner_id=UUID(int=7)))
        with pytest.raises(IntegrityError) as owner:
            await session.flush()
        await session.rollback()
        return violates(title.value, SampleNote.unique_title), violates(owner.value, SampleNote.unique_title)

    async def in_own_session() -> tuple[bool, bool]:
        async with client.app_state["database"].sessions() as session:
            return await violate(session)

    assert client.portal is not None
    assert client.portal.call(in_own_session) == (True, False)


@pytest.mark.database("sqlite")
def test_write_that_waits_too_long_returns_503(start_app: Callable[..., TestClient]) -> None:
    client = start_app(database={"busy_timeout": 0})
    login = {"email": "ada@example.com", "password": "not the password"}
    path = make_url(client.app_state["settings"].database.url).database

    with closing(sqlite3.connect(str(path), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        rejected = client.post("/api/v1/auth/login", json=login)
        other.execute("ROLLBACK")

    assert (rejected.status_code, rejected.headers["Retry-After"]) == (503, "1")
    assert client.post("/api/v1/auth/login", json=login).status_code == 401


def test_none_is_sql_null_in_every_json_column() -> None:
    columns = [column for table in Base.metadata.tables.values() for column in table.columns]
    kinds = {str(column): column.type for column in columns if isinstance(column.type, JSON)}

    assert kinds
    assert [name for name, kind in kinds.items() if not kind.none_as_null] == []


def test_json_null_becomes_sql_null(make_settings: Callable[..., Settings], empty_database_url: str) -> None:
    """Runs the statement from docs/resources.md."""
    kind: Any = Base.type_annotation_map[dict[str, JsonValue]]
    things = Table("things", MetaData(), Column("id", Integer, primary_key=True), Column("data", kind))
    same = table("things", column("data", JSON()))
    empty = select(func.count()).select_from(things).where(things.c.data.is_(None))

    async def convert(database: Database) -> tuple[int | None, int | None, int | None]:
        async with database.sessions.begin() as session:
            await session.run_sync(lambda sync: things.create(sync.connection()))
            await session.execute(things.insert(), [{"data": None}, {"data": JSON.NULL}, {"data": {"a": "null"}}])
            before = await session.scalar(empty)
            await session.execute(same.update().where(cast(same.c.data, Text) == "null").values(data=null()))
            return before, await session.scalar(empty), await session.scalar(select(func.count(things.c.data)))

    assert in_database_of(make_settings(database={"url": empty_database_url}), convert) == (1, 2, 1)
