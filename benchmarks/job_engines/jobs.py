"""The jobs that each engine runs. What they do is written to a file, with the time."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

CREATE = "CREATE TABLE IF NOT EXISTS work (job varchar(40), pid integer)"
INSERT = text("INSERT INTO work (job, pid) VALUES (:job, :pid)")


class Event(NamedTuple):
    """What a worker wrote."""

    at: float
    pid: int
    what: str


class Journal:
    """A file to which all workers append."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY)

    def write(self, what: str) -> None:
        """Append a line."""
        os.write(self._file, f"{json.dumps([time.time(), os.getpid(), what])}\n".encode())

    def read(self) -> Iterator[Event]:
        """Yield all lines."""
        for line in self.path.read_text().splitlines():
            yield Event(*json.loads(line))


class Claim(Protocol):
    """A job that a worker runs, as its engine knows it."""

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Begin a transaction, which commits at the end."""

    async def check(self, session: AsyncSession) -> None:
        """Lock the claim; raise an error if another worker has it."""


async def no_op(journal: Journal) -> None:
    """Do nothing; a dot is cheaper than a line."""
    journal.write(".")


async def work(journal: Journal, claim: Claim, mode: str, seconds: float) -> None:
    """Work for a while, then write one row.

    With the mode "fenced", only if the claim still holds; with "error", fail instead.
    """
    journal.write("start")
    try:
        await _work(claim, mode, seconds)
    except BaseException as error:
        journal.write(f"error {type(error).__name__}")
        raise
    journal.write("commit")


async def _work(claim: Claim, mode: str, seconds: float) -> None:
    started = time.monotonic()
    async with claim.transaction() as session:
        await session.execute(INSERT, {"job": mode, "pid": os.getpid()})
        await asyncio.sleep(seconds)
        was_paused = time.monotonic() - started > seconds + 1
        if mode == "error" and was_paused:
            raise ConnectionError("the other server closed the connection in the meantime")
        if mode == "fenced":
            await claim.check(session)


def kill(journal: Journal) -> None:
    """Kill the worker."""
    journal.write("killer")
    os.kill(os.getpid(), signal.SIGKILL)


Run = Callable[[str, Claim, str, float], Awaitable[None]]


async def run(name: str, journal: Journal, claim: Claim, mode: str, seconds: float) -> None:
    """Run the job with this name."""
    if name == "no_op":
        await no_op(journal)
    elif name == "kill":
        kill(journal)
    else:
        await work(journal, claim, mode, seconds)
