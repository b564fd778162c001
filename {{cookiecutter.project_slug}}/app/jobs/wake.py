"""Wakes the runners once jobs are committed, so that they don't wait for the next poll."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from sqlalchemy.ext.asyncio import AsyncSession

from app.database.after_commit import after_commit
from app.database.connection import Database
from app.database.sessions import DriverSession

_SERVICE = "jobs"


START_DELAY_SECONDS = 0.1
"""Jobs start this long after the commit, so that the response of their request is sent first: otherwise, its time would
reveal them."""


class JobSignal:
    """What is called when sessions of a database have committed jobs."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], object]] = []
        self._is_waiting = False

    @contextmanager
    def call(self, listener: Callable[[], object]) -> Iterator[None]:
        """Call a function, which doesn't wait, after commits."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    async def send(self) -> None:
        """Call the functions soon, once for all commits until then."""
        if self._listeners and not self._is_waiting:
            self._is_waiting = True
            asyncio.get_running_loop().call_later(START_DELAY_SECONDS, self._call_all)

    def _call_all(self) -> None:
        self._is_waiting = False
        for listener in [*self._listeners]:
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
