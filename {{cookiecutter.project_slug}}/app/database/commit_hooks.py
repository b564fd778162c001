"""Functions to run after the commit of a session."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from sqlalchemy.orm import SessionTransaction

logger = logging.getLogger("app.after_commit")

CommitHook: TypeAlias = Callable[[], Awaitable[object]]


class CommitHooks:
    """The functions of one session: waiting for the commit, then for the session to close."""

    def __init__(self) -> None:
        self._waiting: list[tuple[CommitHook, SessionTransaction | None]] = []
        self._committed: list[CommitHook] = []

    def add(self, function: CommitHook, transaction: SessionTransaction | None) -> None:
        """Add a function, with the ORM's transaction or savepoint if one has begun."""
        self._waiting.append((function, transaction))

    def commit(self) -> None:
        """Keep the waiting functions: their transaction was committed."""
        self._committed += [function for function, _ in self._waiting]
        self._waiting.clear()

    def roll_back(self, transaction: SessionTransaction | None = None) -> None:
        """Drop the functions added in a transaction or savepoint of the ORM, or in any."""
        self._waiting = [
            (function, added_in)
            for function, added_in in self._waiting
            if transaction is not None and not _is_within(added_in, transaction)
        ]

    async def run(self) -> None:
        """Run the functions in the order they were added; log errors."""
        for function in self._committed:
            try:
                await function()
            except Exception:
                logger.exception("failed after the commit: %s", getattr(function, "__qualname__", function))
        self._committed.clear()


def _is_within(transaction: SessionTransaction | None, outer: SessionTransaction) -> bool:
    while transaction is not None and transaction is not outer:
        transaction = transaction.parent
    return transaction is outer
