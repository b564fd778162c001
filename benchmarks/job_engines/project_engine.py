"""The jobs of a generated project."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

from app.jobs.definitions import job
from app.jobs.processes import jobs_in_server, run_worker
from app.jobs.run import JobRun
from app.main import open_state
from app.settings.config import load_settings
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.job_engines import jobs
from benchmarks.job_engines.engine import Engine, Options

ATTEMPTS = 3
_journals: list[jobs.Journal] = []


class Claim:
    """Its transactions check the claim by themselves."""

    def __init__(self, run: JobRun) -> None:
        self._run = run

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Begin a transaction."""
        return self._run.transaction()

    async def check(self, session: AsyncSession) -> None:
        """There is nothing to do."""


@job(max_attempts=ATTEMPTS, retry_delays=[timedelta(seconds=1)])
async def run_one(run: JobRun, name: str, mode: str = "", seconds: float = 0) -> None:
    """Run the job with this name."""
    await jobs.run(name, _journals[-1], Claim(run), mode, seconds)


class Project(Engine):
    """On PostgreSQL with workers, on SQLite in the process that enqueues."""

    name = "project"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        _journals.append(self.journal)
        self.is_in_process = options.url.startswith("sqlite")
        os.environ["DATABASE_URL"] = options.url.replace("postgresql:", "postgresql+asyncpg:")
        os.environ["JOBS_IN_SERVER"] = str(self.is_in_process).lower()

    async def prepare(self) -> None:
        """Migrate the database."""
        subprocess.run([sys.executable, "-m", "app", "db", "upgrade"], check=True)  # noqa: ASYNC221 - once
        await super().prepare()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Open the database as the server does, and notify the workers."""
        settings = load_settings()
        async with open_state(settings) as state:
            self.sessions = state["database"].sessions
            async with jobs_in_server(settings, state["database"], state):
                yield

    async def enqueue(self, session: AsyncSession, name: str, *arguments: object) -> None:
        """Enqueue in the session's transaction."""
        await run_one.enqueue(session, name, *arguments)

    async def work(self) -> None:
        """Run the worker."""
        settings = load_settings()
        async with open_state(settings) as state:
            await run_worker(settings, state["database"], state)
        await asyncio.Event().wait()

    async def state(self) -> str:
        """Return state and attempts."""
        row = await self.first(
            "SELECT state, attempts FROM jobs WHERE name LIKE '%.run_one'"
            " ORDER BY created_at DESC LIMIT 1"
        )
        return f"{row[0]}, attempts {row[1]}" if row else "no row"
