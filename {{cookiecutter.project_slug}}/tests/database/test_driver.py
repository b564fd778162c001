"""Statements that the database driver executes: shapes, transactions, the pool, errors and events."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, event, func, select, text
from sqlalchemy.exc import IntegrityError, InvalidRequestError, PendingRollbackError
from sqlalchemy.orm.exc import StaleDataError

from app.accounts.models import Role
from app.api.schemas import RecordResponse
from app.database.connection import Database, open_database
from app.database.outages import DatabaseUnavailable
from app.database.rows import delete_row, fetch_all, fetch_one, insert_row, update_row
from app.database.sessions import ClosedSessionError, ReadOnlySessionError, WriteSession
from app.database.statements import shape_of
from app.settings.config import Settings
from tests.support import in_database_of


class RoleRead(RecordResponse):
    """A role."""

    name: str
    permissions: list[str]


CONNECTIONS = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
TERMINATE = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
BY_NAME = select(Role).order_by(Role.name)


@asynccontextmanager
async def transaction(database: Database) -> AsyncIterator[WriteSession]:
    """Commit as a request does; `sessions.begin()` would begin a transaction of the ORM."""
    async with database.sessions() as session:
        yield session
        await session.commit()


async def names(database: Database) -> list[str]:
    """Return the names of the stored roles."""
    async with database.read_sessions() as session:
        return [role.name for role in await fetch_all(session, BY_NAME, RoleRead)]


def role(name: str) -> dict[str, Any]:
    """Return the values of a role."""
    return {"name": name, "permissions": []}


async def terminate_others(settings: Settings) -> None:
    """Close all other connections to the database, as a restart of the server does."""
    async with open_database(settings.database) as other, other.engine.connect() as connection:
        await connection.execute(TERMINATE)
    await asyncio.sleep(0.2)


@pytest.mark.any_database
def test_shape_has_no_values() -> None:
    """Uses a private name of SQLAlchemy, `_generate_cache_key`."""
    one, two = (shape_of(select(Role).where(Role.name == name).limit(5)) for name in ("a", "b"))
    other, _ = shape_of(select(Role).where(Role.version == 1).limit(5))

    assert one[0] == two[0] != other
    assert [[value.effective_value for value in values] for _, values in (one, two)] == [["a", 5], ["b", 5]]


def test_statements_of_driver_and_orm_are_one_transaction(settings: Settings) -> None:
    async def write(database: Database) -> list[list[str]]:
        stored = []
        for fails in (True, False):
            with suppress(ZeroDivisionError):
                async with transaction(database) as session:
                    first = await insert_row(session, Role, role("driver"), RoleRead)
                    session.add(Role(name="orm"))
                    await session.flush()
                    assert [found.name for found in await fetch_all(session, BY_NAME, RoleRead)] == ["driver", "orm"]
                    await update_row(session, Role, first, {"name": "driver 2"})
                    assert (await session.scalars(select(Role.name).order_by(Role.name))).all() == ["driver 2", "orm"]
                    if fails:
                        raise ZeroDivisionError
            stored.append(await names(database))
        return stored

    assert in_database_of(settings, write) == [[], ["driver 2", "orm"]]


def test_savepoint_of_the_orm_contains_statements_of_rows(settings: Settings) -> None:
    async def write(database: Database) -> list[str]:
        async with transaction(database) as session:
            await insert_row(session, Role, role("kept"), RoleRead)
            with suppress(ZeroDivisionError):
                async with session.begin_nested():
                    await insert_row(session, Role, role("rolled back"), RoleRead)
                    raise ZeroDivisionError
            await insert_row(session, Role, role("later"), RoleRead)
        return await names(database)

    assert in_database_of(settings, write) == ["kept", "later"]


def test_session_is_usable_after_rollback(settings: Settings) -> None:
    async def write(database: Database) -> list[str]:
        async with database.sessions() as session:
            await insert_row(session, Role, role("first"), RoleRead)
            await session.commit()
            with pytest.raises(IntegrityError):
                await insert_row(session, Role, role("first"), RoleRead)
            await session.rollback()
            await insert_row(session, Role, role("second"), RoleRead)
            await session.commit()
        return await names(database)

    assert in_database_of(settings, write) == ["first", "second"]


def test_transaction_with_a_failed_statement_is_not_committed(settings: Settings) -> None:
    """PostgreSQL would answer COMMIT with ROLLBACK, without an error."""

    async def write(database: Database) -> list[str]:
        async with database.sessions() as session:
            await insert_row(session, Role, role("one"), RoleRead)
            with suppress(IntegrityError):
                await insert_row(session, Role, role("one"), RoleRead)
            with pytest.raises(PendingRollbackError):
                await session.commit()
        return await names(database)

    assert in_database_of(settings, write) == []


def test_version_is_checked(settings: Settings) -> None:
    async def write(database: Database) -> list[str]:
        async with transaction(database) as session:
            stale = await insert_row(session, Role, role("a"), RoleRead)
            fresh = await update_row(session, Role, stale, {"name": "b"})
            assert (fresh.version, fresh.updated_at > stale.updated_at) == (2, True)
            assert await update_row(session, Role, fresh, {"name": "b"}) is fresh  # nothing changed
        async with database.sessions() as session:
            for change in (update_row(session, Role, stale, {"name": "c"}), delete_row(session, Role, stale)):
                with pytest.raises(StaleDataError):
                    await change
                await session.rollback()
        return await names(database)

    assert in_database_of(settings, write) == ["b"]


def test_read_only_and_closed_sessions_reject_rows(settings: Settings) -> None:
    async def write(database: Database) -> list[str]:
        reader = database.read_sessions()
        with pytest.raises(ReadOnlySessionError):
            await insert_row(reader, Role, role("a"), RoleRead)
        for session in (reader, database.sessions()):
            await session.close()
            with pytest.raises(ClosedSessionError):
                await fetch_one(session, BY_NAME, RoleRead)
        return await names(database)

    assert in_database_of(settings, write) == []


def test_values_that_change_the_sql_are_left_to_sqlalchemy(settings: Settings) -> None:
    async def read(database: Database) -> list[int]:
        async with transaction(database) as session:
            for name in "abc":
                await insert_row(session, Role, role(name), RoleRead)
        async with database.read_sessions() as session:
            queries = [BY_NAME.where(Role.name.in_(wanted)) for wanted in (["a"], ["a", "b"], [], ["x"])]
            return [len(await fetch_all(session, query, RoleRead)) for query in queries]

    assert in_database_of(settings, read) == [1, 2, 0, 0]


def test_concurrent_statements_of_one_transaction_are_rejected(settings: Settings) -> None:
    async def write(database: Database) -> list[str]:
        async with database.sessions() as session:
            inserts = (insert_row(session, Role, role(name), RoleRead) for name in "ab")
            results = await asyncio.gather(*inserts, return_exceptions=True)
            assert [type(result) for result in results] == [RoleRead, InvalidRequestError]
        assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # of AsyncAdaptedQueuePool
        return await names(database)

    assert in_database_of(settings, write, driver_execution=True) == []


@pytest.mark.parametrize("enabled", [True, False])
def test_events_and_log_of_sqlalchemy(settings: Settings, caplog: pytest.LogCaptureFixture, enabled: bool) -> None:  # noqa: FBT001
    """As tracing and the recipe for slow statements use them; `dispatch` is SQLAlchemy's."""
    seen: list[object] = []

    def before(connection: Any, _cursor: object, statement: str, *rest: Any) -> None:
        parameters, context, _ = rest
        connection.info["began"] = context.began = object()
        seen.append(["before", statement[:6], len(parameters or ())])

    def after(connection: Any, _cursor: object, statement: str, *rest: Any) -> None:
        seen.append(["after", statement[:6], connection.info["began"] is rest[1].began])

    async def work(database: Database) -> None:
        event.listen(database.engine.sync_engine, "before_cursor_execute", before)
        event.listen(database.engine.sync_engine, "after_cursor_execute", after)
        with caplog.at_level(logging.INFO, "sqlalchemy.engine"):
            async with database.read_sessions() as session:
                await fetch_all(session, BY_NAME.where(Role.name == "secret name"), RoleRead)

    in_database_of(settings, work, driver_execution=enabled)

    assert seen[-2:] == [["before", "SELECT", 1], ["after", "SELECT", True]]
    assert "FROM roles" in caplog.text
    assert "secret name" not in caplog.text


@pytest.mark.database("postgresql")
def test_pool_limits_the_connections_of_driver_and_orm(settings: Settings) -> None:
    async def work(database: Database) -> None:
        async def read(number: int) -> list[RoleRead]:
            async with database.read_sessions() as session:
                if number % 2:
                    await session.scalars(select(Role))
                return await fetch_all(session, BY_NAME, RoleRead)

        async with open_database(settings.database) as other, other.read_sessions() as observer:
            before = await observer.scalar(CONNECTIONS)
            reads = asyncio.gather(*(read(number) for number in range(200)))
            most = before
            while not reads.done():
                most = max(most, await observer.scalar(CONNECTIONS))
            assert most == before + 2
        assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]

    in_database_of(settings, work, pool_size=2)


def test_connections_are_returned_under_load(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Returning a connection does no I/O, for which SQLAlchemy would need a greenlet."""

    async def work(database: Database) -> list[str]:
        async def change(number: int) -> None:
            async with transaction(database) as session:
                if number % 3 == 0:
                    session.add(Role(name=f"orm {number}"))
                await insert_row(session, Role, role(f"driver {number}"), RoleRead)
                await session.rollback()
            assert await names(database) == []

        await asyncio.gather(*(change(number) for number in range(60)))
        assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        assert database.engine.pool.checkedin() <= 3  # type: ignore[attr-defined]
        return await names(database)

    assert in_database_of(settings, work, pool_size=3) == []
    assert [record.getMessage() for record in caplog.records if record.name.startswith("sqlalchemy.pool")] == []


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("kind", ["fetch", "insert"])
def test_canceled_statement_leaves_no_trace(settings: Settings, kind: str) -> None:
    """The connection is used again; the driver cancels the statement in the server before the next one."""

    async def work(database: Database) -> list[str]:
        slow = select(Role).where(func.pg_sleep(30).is_(None))
        session = database.read_sessions() if kind == "fetch" else database.sessions()
        async with database.read_sessions() as first:
            before = await first.scalar(CONNECTIONS)
        if kind == "insert":
            await insert_row(session, Role, role("lost"), RoleRead)
        task = asyncio.create_task(fetch_all(session, slow, RoleRead))
        await asyncio.sleep(0.3)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await session.close()
        assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        async with database.read_sessions() as after:
            assert await after.scalar(CONNECTIONS) == before
        return await names(database)

    async def with_rows(database: Database) -> list[str]:
        async with transaction(database) as session:
            await insert_row(session, Role, role("there"), RoleRead)
        return await work(database)

    assert in_database_of(settings, with_rows, pool_size=1) == ["there"]


def test_canceled_begin_leaves_no_transaction(settings: Settings) -> None:
    """SQLite executes it in a thread, perhaps after the task was canceled."""

    async def work(database: Database) -> list[str]:
        for delay in (0, 0.0001, 0.0005, 0.001, 0.005):
            session = database.sessions()
            task = asyncio.create_task(insert_row(session, Role, role("lost"), RoleRead))
            await asyncio.sleep(delay)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await session.close()
        async with transaction(database) as session:
            await insert_row(session, Role, role("there"), RoleRead)
        return await names(database)

    assert in_database_of(settings, work, pool_size=1) == ["there"]


@pytest.mark.database("postgresql")
def test_connections_closed_by_the_server_are_replaced(settings: Settings) -> None:
    async def work(database: Database) -> list[str]:
        await asyncio.gather(*(names(database) for _ in range(5)))
        await terminate_others(settings)
        assert await asyncio.gather(*(names(database) for _ in range(5))) == [[]] * 5

        async with database.sessions() as session:  # in a transaction, it can't be repaired
            await insert_row(session, Role, role("lost"), RoleRead)
            await terminate_others(settings)
            with pytest.raises(DatabaseUnavailable):
                await insert_row(session, Role, role("too"), RoleRead)
        return await names(database)

    assert in_database_of(settings, work, pool_size=3) == []


@pytest.mark.database("postgresql")
def test_statement_timeout_is_an_outage(settings: Settings) -> None:
    async def work(database: Database) -> list[str]:
        async with transaction(database) as session:
            await insert_row(session, Role, role("there"), RoleRead)
        async with database.read_sessions() as session:
            with pytest.raises(DatabaseUnavailable, match="statement timeout"):
                await fetch_all(session, select(Role).where(func.pg_sleep(30).is_(None)), RoleRead)
        return await names(database)

    assert in_database_of(settings, work, pool_size=1, statement_timeout=timedelta(milliseconds=200)) == ["there"]


@pytest.mark.parametrize("enabled", [True, False])
def test_module_level_query_takes_values(settings: Settings, enabled: bool) -> None:  # noqa: FBT001
    is_wanted = Role.name == bindparam("wanted")
    query, columns = (select(what).where(is_wanted) for what in (Role, Role.name))

    async def work(database: Database) -> None:
        async with transaction(database) as session:
            for name in "ab":
                await insert_row(session, Role, role(name), RoleRead)
            for name in "ab":
                assert [found.name for found in await fetch_all(session, query, RoleRead, wanted=name)] == [name]
                assert await fetch_one(session, query.where(Role.name != name), RoleRead, wanted=name) is None
        for name in "ab":
            assert [row.name for row in await database.fetch_all(columns, {"wanted": name})] == [name]

    in_database_of(settings, work, driver_execution=enabled)


def test_consecutive_statements_need_one_checkout(settings: Settings) -> None:
    """But the connection isn't held while the caller awaits anything else."""
    checkouts: list[object] = []

    async def work(database: Database) -> None:
        event.listen(database.engine.sync_engine, "checkout", lambda *_: checkouts.append(database))
        async with database.read_sessions() as reader, database.sessions() as writer:
            for _ in range(3):
                await fetch_all(reader, BY_NAME, RoleRead)
            await insert_row(writer, Role, role("a"), RoleRead)
            assert len(checkouts) == 1
            await fetch_all(reader, BY_NAME, RoleRead)
            await writer.rollback()
            await asyncio.sleep(0)
            assert (len(checkouts), database.engine.pool.checkedout()) == (2, 0)  # type: ignore[attr-defined]

    in_database_of(settings, work, driver_execution=True)
