"""Wakes the runners once jobs are committed, so that they don't wait for the next poll."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from sqlalchemy.ext.asyncio import AsyncSession

from app.database.after_commit import after_commit
from app.database.connection import Database
from app.database.sessions import DriverSession

_SERVICE = "jobs"


class JobSignal:
    """What is called when sessions of a database have committed jobs."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], object]] = []

    @contextmanager
    def call(self, listener: Callable[[], object]) -> Iterator[None]:
        """Call a function, which doesn't wait, after each commit."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    async def send(self) -> None:
        """Call the functions."""
        for listener in self._listeners:
            listener()


def signal_of(database: Database) -> JobSignal:
    """Return the signal of a database."""
    signal: JobSignal = database.services.setdefault(_SERVICE, JobSignal())
    return signal


def wake_after_commit(session: AsyncSession) -> None:
    """Wake the runners once the session's transaction is committed; those that aren't woken find the job by polling."""
    signal: JobSignal | None = cast(DriverSession, session).services.get(_SERVICE)
    if signal is not None:
        after_commit(session, signal.send)
