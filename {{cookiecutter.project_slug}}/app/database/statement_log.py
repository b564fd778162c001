"""Counts the statements of each request and job with their time, and logs slow ones."""

import logging
from collections.abc import Callable
from datetime import timedelta
from time import perf_counter
from typing import Any

from sqlalchemy import Dialect

from app.log_context import current_work

logger = logging.getLogger("app.database")

_TRANSACTION = frozenset({"BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"})
_MAX_LENGTH = 2_000


class StatementLog:
    """The statements of an engine; `slow` is how long one takes that is logged, 0 for never."""

    def __init__(self, slow: timedelta) -> None:
        self._slow_seconds = slow.total_seconds() or float("inf")

    def add(self, sql: str, seconds: float) -> None:
        """Add a statement to the current request or job."""
        work = current_work.get()
        if work is not None:
            work.seconds += seconds
            work.statements += sql not in _TRANSACTION
        if seconds >= self._slow_seconds:
            text = " ".join(sql.split())[:_MAX_LENGTH]  # its values are parameters, which are not logged
            logger.warning("slow statement", extra={"ms": round(seconds * 1000, 1), "statement": text})

    def listen(self, dialect: Dialect) -> None:
        """Add what SQLAlchemy executes; there is no event that includes the time of a commit."""
        for name in ("do_execute", "do_executemany", "do_commit"):
            setattr(dialect, name, self._timed(getattr(dialect, name)))

    def _timed(self, call: Callable[..., None]) -> Callable[..., None]:
        def run(cursor: object, sql: str = "COMMIT", *arguments: Any, **options: Any) -> None:  # noqa: ANN401
            started = perf_counter()
            try:
                call(cursor, *(() if sql == "COMMIT" else (sql, *arguments)), **options)
            finally:
                self.add(sql, perf_counter() - started)

        return run
