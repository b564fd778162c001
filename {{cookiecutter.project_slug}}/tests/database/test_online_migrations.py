"""Migrations while other transactions use the tables."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from app.database import migrate, revisions
from app.database.connection import open_database
from app.settings.config import DatabaseSettings
from tests.support import add_user, execute, sign_in, wait_until

WriteMigration = Callable[..., str]
ONLINE = ("import sqlalchemy as sa", "from alembic import op", "from app.database import online")


@pytest.fixture
def write_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteMigration:
    """Return a function that adds a migration with these steps to a copy of the project's, and returns its name."""
    monkeypatch.setattr(migrate, "MIGRATIONS_DIR", shutil.copytree(migrate.MIGRATIONS_DIR, tmp_path / "migrations"))

    def write(*steps: str) -> str:
        (head,) = revisions.heads(migrate.MIGRATIONS_DIR)
        name = f"test{head[:8]}"
        lines = [*ONLINE, f"revision = {name!r}", f"down_revision = {head!r}", "def upgrade():"]
        source = "\n".join([*lines, *(f"    {step}" for step in steps), "def downgrade(): pass"])
        (migrate.MIGRATIONS_DIR / "versions" / f"{name}.py").write_text(source)
        return name

    return write


@contextmanager
def transaction(url: str, statement: str) -> Iterator[None]:
    """Keep a transaction open that has executed a statement."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    started, ended = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(plain)
        async with connection.transaction():
            await connection.execute(statement)
            started.set()
            await asyncio.to_thread(ended.wait)
        await connection.close()

    thread = threading.Thread(target=asyncio.run, args=[hold()])
    thread.start()
    started.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def start_upgrade(settings: DatabaseSettings) -> threading.Thread:
    """Upgrade in a thread."""
    thread = threading.Thread(target=migrate.upgrade, args=[settings])
    thread.start()
    return thread


@pytest.mark.database("postgresql")
def test_requests_go_on_while_a_migration_waits_for_a_table(
    start_app: Callable[..., TestClient],
    own_database_url: str,
    write_migration: WriteMigration,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = start_app(database={"url": own_database_url})
    as_ada = sign_in(client, add_user(client, "ada@example.com"))
    write_migration("op.add_column('users', sa.Column('added', sa.Integer()))")

    with transaction(own_database_url, "SELECT 1 FROM users"):
        migration = start_upgrade(DatabaseSettings(url=own_database_url))
        wait_until(lambda: caplog.text.count("trying again") > 1)
        statuses = {as_ada.get("/api/v1/users/me").status_code for _ in range(20)}
        assert migration.is_alive()
    migration.join()

    assert statuses == {200}
    execute(own_database_url, "SELECT added FROM users")
    assert as_ada.get("/api/v1/users/me").status_code == 200


@pytest.mark.database("postgresql")
def test_index_is_created_while_rows_are_written(own_database_url: str, write_migration: WriteMigration) -> None:
    settings = DatabaseSettings(url=own_database_url)
    write_migration("online.create_index('ix_roles_version', 'roles', ['version'])")
    insert = "INSERT INTO roles VALUES ('0196f5a0-0000-7000-8000-00000000000{0}', '{0}', '[]', 1, now(), now())"

    with transaction(own_database_url, insert.format(1)):
        migration = start_upgrade(settings)
        wait_until(lambda: "ix_roles_version" in indexes(settings, "roles"))
        execute(own_database_url, insert.format(2))
        assert migration.is_alive()
    migration.join()

    assert indexes(settings, "roles")["ix_roles_version"]


def test_steps_for_large_tables_have_the_usual_result(empty_database_url: str, write_migration: WriteMigration) -> None:
    settings = DatabaseSettings(url=empty_database_url)
    write_migration(
        "op.create_table('t', sa.Column('id', sa.Integer(), primary_key=True), sa.Column('a', sa.Integer()))",
        "op.execute('INSERT INTO t VALUES (1, 1), (2, 1)')",
    )
    migrate.upgrade(settings)
    unique = "online.create_unique_constraint('uq_t_a', 't', ['a'])"
    write_migration(
        "with op.batch_alter_table('t') as table:",
        "    table.create_check_constraint(op.f('ck_t_a'), 'a > 0', postgresql_not_valid=True)",
        "online.validate_constraint('ck_t_a', 't')",
        "online.set_not_null('t', 'a')",
        "online.create_index('ix_t_a', 't', ['a', 'id'])",
    )
    write_migration(unique)

    with pytest.raises(IntegrityError):
        migrate.upgrade(settings)
    execute(settings.url, "UPDATE t SET a = id")
    migrate.upgrade(settings)

    assert indexes(settings, "t")["ix_t_a"]
    for statement in (
        "INSERT INTO t VALUES (3, NULL)",
        "INSERT INTO t VALUES (3, -3)",
        "INSERT INTO t VALUES (3, 1)",
    ):
        with pytest.raises(IntegrityError):
            execute(settings.url, statement)


def indexes(settings: DatabaseSettings, table: str) -> dict[str, bool]:
    """Return the indexes of a table, and whether they are complete."""

    async def ask() -> dict[str, bool]:
        async with open_database(settings) as database, database.engine.connect() as connection:
            if database.engine.dialect.name == "sqlite":
                found = await connection.run_sync(lambda sync: inspect(sync).get_indexes(table))
                return {str(index["name"]): True for index in found}
            query = text(
                "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = CAST(:name AS regclass)"
            )
            return {str(row[0]): row[1] for row in await connection.execute(query, {"name": table})}

    return asyncio.run(ask())
