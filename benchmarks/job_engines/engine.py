"""What the comparison needs to know of an engine."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from benchmarks.job_engines.jobs import CREATE, Journal


class ClaimLost(Exception):
    """Another worker has the job."""


@dataclass(frozen=True)
class Options:
    """How the workers are configured."""

    url: str
    """Database, postgresql://…; or a SQLite file."""
    redis: str
    folder: Path
    lease: float
    """Seconds after which a silent worker's jobs are someone else's."""
    retries: int = 0


class Engine(ABC):
    """A queue, as a process uses it: to enqueue, or as a worker."""

    name: str
    is_transactional = True
    is_in_process = False
    """Whether jobs run in the process that enqueues them, so that no workers are started."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.journal = Journal(options.folder / "journal")
        self.database = create_async_engine(
            options.url.replace("postgresql://", "postgresql+asyncpg://")
        )
        self.sessions = async_sessionmaker(self.database, expire_on_commit=False)

    async def prepare(self) -> None:
        """Create the tables."""
        async with self.sessions.begin() as session:
            await session.execute(text(CREATE))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connect, in order to enqueue."""
        yield

    @abstractmethod
    async def enqueue(self, session: AsyncSession, name: str, *arguments: object) -> None:
        """Enqueue a job: in the session's transaction, if the engine can."""

    @abstractmethod
    async def work(self) -> None:
        """Run jobs until the process is killed."""

    @abstractmethod
    async def state(self) -> str:
        """Return what the engine says of the latest job."""

    async def first(
        self, sql: str, values: Mapping[str, Any] | None = None
    ) -> Sequence[Any] | None:
        """Return the first row of a statement."""
        async with self.sessions.begin() as session:
            return (await session.execute(text(sql), values or {})).first()
