"""A project behind a real PgBouncer in transaction mode: requests, migrations and their lock."""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

import fireup
from tests.baking import PROJECT, Bake
from tests.serving import Visitor, environment, find_free_port, run_in, running, started

EMAIL, PASSWORD = "admin@example.com", "a password of the pooler's test"
SETTINGS = {
    "SECRET_KEY": "a secret key that protects nothing at all",
    "AUTH_ARGON2_MEMORY_KIB": "8",
    "AUTH_IP_ATTEMPTS_PER_MINUTE": "1000000",
    "AUTH_LOGIN_ATTEMPTS": "1000000",
    "DATABASE_PGBOUNCER": "true",
    "DATABASE_MIGRATION_TIMEOUT": "1",
}
PGBOUNCER = """
[databases]
postgres = host=127.0.0.1 port={server} user=test
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
"""
# PostgreSQL as in the project's tests; it runs until standard input is closed.
POSTGRES = """
import sys
from tests.postgres import running_postgres
with running_postgres() as url:
    print(url, flush=True)
    sys.stdin.read()
"""
HOLD_LOCK = """
import asyncio, sys, asyncpg
async def hold():
    connection = await asyncpg.connect(sys.argv[1])
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(7275113)")
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(hold())
"""
FAILING = """
import sqlalchemy as sa
from alembic import op
revision = "fails"
down_revision = "{head}"
def upgrade() -> None:
    op.create_table("half", sa.Column("id", sa.Integer()))
    op.execute("SELECT 1 / 0")
def downgrade() -> None: ...
"""


class Pooled(NamedTuple):
    """A project, with its URLs through and around PgBouncer."""

    project: Path
    app: list[str]
    variables: dict[str, str]
    direct: str

    def run(self, *arguments: str, **variables: str) -> tuple[int, str]:
        """Run a command of the project; return its exit code and output."""
        done = run_in(self.project, [*self.app, *arguments], **{**self.variables, **variables})
        return done.returncode, done.stdout


@pytest.fixture(scope="module")
def pooled(bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pooled]:
    """Start PostgreSQL and PgBouncer for a project."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(
            "pgbouncer is not installed"
        )
    project, python = bake(), fireup.install(PROJECT / "requirements-dev.txt")
    with started([python, "-c", POSTGRES], project) as direct:
        server, port = direct.rpartition(":")[2].partition("/")[0], find_free_port()
        configuration = tmp_path_factory.mktemp("pgbouncer") / "pgbouncer.ini"
        configuration.write_text(PGBOUNCER.format(server=server, port=port))
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        pgbouncer = subprocess.Popen([found, "-q", *user, configuration])
        try:
            variables = {**SETTINGS, "DATABASE_URL": direct.replace(f":{server}/", f":{port}/")}
            yield Pooled(project, [python, "-m", "app"], variables, direct)
        finally:
            pgbouncer.terminate()
            pgbouncer.wait(timeout=30)


def test_migrations_and_requests_work_through_the_pooler(pooled: Pooled, tmp_path: Path) -> None:
    code, output = pooled.run("db", "upgrade")
    assert code == 0, output
    assert output.count("DATABASE_DIRECT_URL is not set") == 1
    create = [*pooled.app, "users", "create-admin", "--email", EMAIL, "--password-stdin"]
    variables = {**environment(), **pooled.variables}
    subprocess.run(create, cwd=pooled.project, env=variables, check=True, input=PASSWORD.encode())
    counts: Counter[int] = Counter()

    with running([*pooled.app, "serve"], pooled.project, tmp_path / "log", variables) as server:

        def visit(number: int) -> None:
            visitor = Visitor(server.address)
            login = visitor.post_json("/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})
            token = login.body["access_token"]
            for turn in range(8):
                title = {"title": f"{number}-{turn}"}
                counts[visitor.post_json("/api/v1/notes", title, token).status] += 1
                counts[visitor.get("/api/v1/notes", token).status] += 1
                counts[visitor.get("/health/ready").status] += 1

        with ThreadPoolExecutor(12) as threads:
            list(threads.map(visit, range(12)))
        log = server.printed()

    assert counts == {200: 12 * 16, 201: 12 * 8}
    assert "unavailable" not in log


def test_failed_migration_releases_its_lock(pooled: Pooled) -> None:
    assert pooled.run("db", "upgrade")[0] == 0
    head = max(path.stem for path in (pooled.project / "migrations" / "versions").glob("0*.py"))
    failing = pooled.project / "migrations" / "versions" / "fails.py"
    failing.write_text(FAILING.format(head=head.partition("_")[0]))

    code, output = pooled.run("db", "upgrade")
    failing.unlink()

    assert code == 1
    assert "division by zero" in output
    for variables in ({}, {"DATABASE_DIRECT_URL": pooled.direct}):
        assert pooled.run("db", "upgrade", **variables)[0] == 0
        assert pooled.run("db", "check", **variables)[0] == 0


@pytest.mark.parametrize("uses_direct_url", [False, True])
def test_migration_times_out_waiting_for_another_one(
    pooled: Pooled, *, uses_direct_url: bool
) -> None:
    variables = {"DATABASE_DIRECT_URL": pooled.direct} if uses_direct_url else {}
    python = pooled.app[0]

    with started([python, "-c", HOLD_LOCK, pooled.direct], pooled.project) as held:
        code, output = pooled.run("db", "upgrade", **variables)

    assert held == "held"
    assert code == 1
    assert "another migration still holds the lock after 1 seconds" in output
    assert pooled.run("db", "upgrade", **variables)[0] == 0


def test_undeclared_pooler_is_reported(pooled: Pooled) -> None:
    code, output = pooled.run("db", "check", DATABASE_PGBOUNCER="false")

    assert code == 1
    assert "set DATABASE_PGBOUNCER=true" in output
