"""What the database must contain once all jobs have ended."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from proofs.requester import STEPS

CREATE = (
    "CREATE TABLE walks (label varchar(40))",
    "CREATE TABLE walk_steps (label varchar(40), step integer, pid integer)",
)
KILLER = "walks.fall"


class Ledger:
    """Rows and jobs of a run."""

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(url, poolclass=NullPool)

    async def rows(self, sql: str) -> list[Any]:
        """Return the rows of a statement.

        Raises:
            OSError: the database is not reachable.
        """
        try:
            async with self._engine.connect() as connection:
                return list((await connection.execute(text(sql))).all())
        except DBAPIError as error:
            raise ConnectionError from error

    async def close(self) -> None:
        """Close its connections."""
        await self._engine.dispose()

    async def create(self) -> None:
        """Create the tables of the feature."""
        async with self._engine.begin() as connection:
            for statement in CREATE:
                await connection.execute(text(statement))

    async def unfinished(self) -> int:
        """Return the number of jobs that have not ended."""
        rows = await self.rows(
            "SELECT count(*) FROM jobs WHERE ended_at IS NULL AND name LIKE 'walks.%'"
        )
        return int(rows[0][0])

    async def faults(
        self, accepted: Collection[str], rejected: Collection[str], killers: int, steps: int = STEPS
    ) -> list[str]:
        """Return what is wrong."""
        labels = {row[0] for row in await self.rows("SELECT label FROM walks")}
        found = [
            f"{label}: lost, though its request was confirmed" for label in set(accepted) - labels
        ]
        found += [f"{label}: there, though its request failed" for label in labels & set(rejected)]
        found += await self._faults_of_steps(labels, steps)
        found += await self._faults_of_jobs(labels, killers)
        return found

    async def _faults_of_steps(self, labels: set[str], steps: int) -> list[str]:
        walked: defaultdict[str, list[int]] = defaultdict(list)
        for label, step in await self.rows("SELECT label, step FROM walk_steps ORDER BY step"):
            walked[label].append(step)
        expected = list(range(-1, steps))
        found = [f"{label}: ran, though its request failed" for label in walked.keys() - labels]
        return found + [
            f"{label}: its steps are {walked[label]}"
            for label in sorted(labels)
            if walked[label] != expected
        ]

    async def _faults_of_jobs(self, labels: set[str], killers: int) -> list[str]:
        rows = await self.rows(
            "SELECT name, state, attempts, label, last_error FROM jobs WHERE name LIKE 'walks.%'"
        )
        return [*_judge_jobs(rows, labels, killers)]


def _judge_jobs(rows: Collection[Any], labels: set[str], killers: int) -> Iterator[str]:
    states = Counter((row.name, row.state) for row in rows if row.name != KILLER)
    if set(states.values()) - {len(labels)} or any(state != "succeeded" for _, state in states):
        yield f"of {len(labels)} walks and leaps, the states are {dict(states)}"
    for row in rows:
        if row.name != KILLER and row.label not in labels:
            yield f"{row.label}: it has a job, though its request failed"
    fallen = [row for row in rows if row.name == KILLER]
    if len(fallen) < killers:
        yield f"only {len(fallen)} of {killers} jobs that kill their worker are there"
    for row in fallen:
        if row.state != "failed" or row.attempts < 3:
            ended = f"{row.state} after {row.attempts}: {row.last_error}"
            yield f"a job that kills its worker is {ended}"
