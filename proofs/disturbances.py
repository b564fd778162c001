"""What is done to the database while the app is in use."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from proofs.caller import Caller
from proofs.client import Request
from proofs.database import UNREACHABLE, Server, Watch, until
from proofs.journal import Fault, Journal, Unknown

LOCK_TIMEOUT, STATEMENT_TIMEOUT, POOL_TIMEOUT = 1, 2, 5
"""Settings of the app, in seconds."""
CLIENT_TIMEOUT = STATEMENT_TIMEOUT + 2
"""When the app gives up on a server that hangs."""
MIGRATION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{revision}", "{previous}"
branch_labels = depends_on = None
def upgrade() -> None:
    with op.batch_alter_table("{table}") as batch_op:
        batch_op.{change}
def downgrade() -> None: ...
"""
CHANGES = (  # of the types that statements have cached, and back
    ("notes", 'alter_column("title", type_=sa.Text())'),
    ("items", 'alter_column("count", type_=sa.BigInteger())'),
    ("notes", 'alter_column("title", type_=sa.String(200))'),
    ("items", 'alter_column("count", type_=sa.Integer())'),
)
Disturbing: TypeAlias = Callable[[], Awaitable[None]]


class Migrations:
    """The next version of the project, which migrates the database of the running one."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._variables = {**os.environ, "DATABASE_URL": url}
        self._number = 0

    async def add_table(self) -> None:
        """Create a resource, and its table."""
        self._number += 1
        await self._app("new", "resource", f"Extra{self._number}", "title:str")
        await self._app("db", "upgrade")

    async def add_column(self) -> None:
        """Add a column that the running version doesn't know."""
        self._number += 1
        column = f'sa.Column("extra_{self._number}", sa.String(20), server_default="new")'
        await self._migrate("notes" if self._number % 2 else "items", f"add_column({column})")

    async def change_type(self) -> None:
        """Change the type of a column that is in use."""
        self._number += 1
        await self._migrate(*CHANGES[self._number % len(CHANGES)])

    async def _migrate(self, table: str, change: str) -> None:
        folder = self._folder / "migrations" / "versions"
        previous = newest_revision(folder)
        revision = f"proof{self._number}"
        text = MIGRATION.format(revision=revision, previous=previous, table=table, change=change)
        (folder / f"{revision}.py").write_text(text)
        await self._app("db", "upgrade")

    async def _app(self, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", *arguments),
            cwd=self._folder,
            env=self._variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise Fault(f"app {' '.join(arguments)} failed: {output.decode()[-2000:]}")


def newest_revision(folder: Path) -> str:
    """Return the revision of the migration that was written last."""
    newest = max(folder.glob("*.py"), key=lambda path: path.stat().st_mtime_ns).read_text()
    return newest.partition("revision")[2].split('"')[1]


class Disturber:
    """Disturbs PostgreSQL in every way, again and again."""

    def __init__(
        self, server: Server, watch: Watch, journal: Journal, sleepers: list[Caller]
    ) -> None:
        self.server, self.watch, self.journal = server, watch, journal
        self.sleepers = sleepers
        self.chance = random.Random("disturbances")  # noqa: S311 - the same for each run

    def all(self, migrations: Migrations) -> list[tuple[str, bool, Disturbing]]:
        """Return each with its name, and whether it breaks connections."""
        return [
            ("terminate connections", True, self.terminate),
            ("change a column's type", False, migrations.change_type),
            ("lock a table", False, self.lock),
            ("restart, fast", True, lambda: self.restart("fast", 0)),
            ("add a column", False, migrations.add_column),
            ("cancel statements", False, self.cancel),
            ("change a column's type again", False, migrations.change_type),
            ("crash and recovery", True, lambda: self.restart("immediate", 0)),
            ("slow statements", False, self.slow_down),
            ("hang", True, self.hang),
            ("add a table", False, migrations.add_table),
            ("outage of some seconds", True, lambda: self.restart("immediate", 3)),
        ]

    async def restart(self, mode: str, seconds: float) -> None:
        """Stop the server, and start it some seconds later."""
        await self.server.stop(mode)
        await asyncio.sleep(seconds)
        await self.server.start()
        await until(self.server.connections, 10)

    async def terminate(self) -> None:
        """End all connections of the app, then single ones."""
        await self._signal("pg_terminate_backend", 1)
        for _ in range(10):
            await asyncio.sleep(0.1)
            await self._signal("pg_terminate_backend", 0.3)

    async def cancel(self) -> None:
        """Cancel statements."""
        for _ in range(40):
            await asyncio.sleep(0.05)
            await self._signal("pg_cancel_backend", 0.5)

    async def lock(self) -> None:
        """Lock a table for longer than requests wait for it."""
        table = self.chance.choice(("notes", "items", "users"))
        lock = f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"
        await self.server.run(f"DO $$ BEGIN {lock}; PERFORM pg_sleep({LOCK_TIMEOUT * 2.5}); END $$")

    async def slow_down(self) -> None:
        """Run statements that exceed the timeout, on all connections."""
        request = Request("GET", f"/api/v1/pairs/sleep?seconds={STATEMENT_TIMEOUT * 3}")
        results = await asyncio.gather(
            *(caller.ask({503}, request) for caller in self.sleepers), return_exceptions=True
        )
        for result in results:
            if not isinstance(result, Unknown):
                self.journal.fault(f"statement timeout: expected 503, got {result!r}")

    async def hang(self) -> None:
        """Freeze some of the app's connections until it gives up on them."""
        self.watch.frozen = True
        frozen = [row["pid"] for row in await self.server.connections()][:3]
        try:
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(CLIENT_TIMEOUT + 1)
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(1)
            self.watch.frozen = False

    async def _signal(self, function: str, share: float) -> None:
        pids = [row["pid"] for row in await self.server.connections()]
        for pid in pids:
            if self.chance.random() < share:
                await self.server.run(f"SELECT {function}($1)", pid)


async def disturb(
    journal: Journal, chosen: Sequence[tuple[str, bool, Disturbing]], seconds: float, pause: float
) -> None:
    """Disturb one way after the other, with pauses, for this time."""
    loop = asyncio.get_running_loop()
    deadline, number = loop.time() + seconds, 0
    while loop.time() < deadline and not journal.is_hopeless:
        name, is_fatal, disturbing = chosen[number % len(chosen)]
        try:
            with journal.disturbing(name, is_fatal=is_fatal):
                await disturbing()
        except (Fault, RuntimeError, *UNREACHABLE) as error:
            journal.fault(f"{name}: {error!r}")
        await asyncio.sleep(pause)
        number += 1
