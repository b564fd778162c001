"""Transient database failures: unreachable, full, busy or too slow. The caller may retry."""

import logging
import time

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import AsyncAdaptedQueuePool, PoolProxiedConnection

logger = logging.getLogger("app.database")

TRACEBACK_INTERVAL_SECONDS = 60
"""Log the traceback of an error type again only after this long without such an error."""

UNREACHABLE = "The database is not responding."
CONNECTION_REFUSED = "The database refused the connection."
_POOLER = "The database is behind PgBouncer: set DATABASE_PGBOUNCER=true."
_BUSY = "The record is locked by another transaction."
_SLOW = "The database took too long."
_FULL = "The database is out of disk space, memory or connections."
_READ_ONLY = "The database is read-only."
_MIGRATED = "The database was migrated."

WAS_CANCELED = "was_canceled"
"""Key in the `info` of a connection: if the statement was BEGIN, the driver wrongly believes in a transaction."""

_CANCELED = "57014"
_READS_ONLY = "25006"
# Codes or prefixes of codes. https://www.postgresql.org/docs/current/errcodes-appendix.html
_BY_SQLSTATE = {
    "08": UNREACHABLE,
    "53": _FULL,
    "58": _FULL,
    "57P": UNREACHABLE,
    _CANCELED: _SLOW,
    "55P03": _BUSY,
    "40001": _BUSY,
    "40P01": _BUSY,
    _READS_ONLY: _READ_ONLY,
}
# https://www.sqlite.org/rescode.html (in numbers, so that only SQLite needs Python's sqlite3)
_BY_SQLITE_CODE = {
    5: _BUSY,
    6: _BUSY,  # SQLITE_LOCKED
    8: _READ_ONLY,
    10: _FULL,  # SQLITE_IOERR
    13: _FULL,
    14: UNREACHABLE,  # SQLITE_CANTOPEN
}

_last_reports: dict[type, float] = {}


class DatabaseUnavailable(OperationalError):
    """The database is temporarily unavailable; `reason` contains no identifiers or values."""

    def __init__(self, reason: str, error: BaseException, statement: str | None = None) -> None:
        super().__init__(statement, None, error, hide_parameters=True)
        self.reason = reason


OUTAGES: tuple[type[Exception], ...] = (DatabaseUnavailable, PoolTimeout)
"""Errors that are returned as 503."""


class TranslatingPool(AsyncAdaptedQueuePool):
    """A connection pool that raises `DatabaseUnavailable` for all of asyncpg's connection errors."""

    def connect(self) -> PoolProxiedConnection:
        """Check out a connection or open one."""
        try:
            return super().connect()
        except Exception as error:
            from asyncpg import InterfaceError, PostgresError  # noqa: PLC0415 - only where PostgreSQL is used

            cause = _driver_error(error)
            if isinstance(cause, InterfaceError | PostgresError):
                raise DatabaseUnavailable(_reason(cause) or CONNECTION_REFUSED, cause) from error
            if isinstance(cause, OSError):
                raise DatabaseUnavailable(_reason(cause) or UNREACHABLE, cause) from error
            raise


def translate_driver_error(context: ExceptionContext) -> DatabaseUnavailable | None:
    """Convert a transient driver error to `DatabaseUnavailable`, and remove values from its message.

    Listener for `handle_error`: https://docs.sqlalchemy.org/en/21/core/events.html
    """
    error = _driver_error(context.original_exception)
    if not isinstance(error, Exception):
        return None  # the task was canceled
    if isinstance(error, TimeoutError) or is_read_only(error):
        context.is_disconnect = True  # after a timeout, the response may still arrive
    if is_canceled(error) and context.connection is not None:
        context.connection.info[WAS_CANCELED] = True
    _remove_values(error)
    reason = _reason(error) or (UNREACHABLE if context.is_disconnect else None)
    return DatabaseUnavailable(reason, context.original_exception, context.statement) if reason else None


def is_canceled(error: Exception) -> bool:
    """Return whether the server canceled the statement, such as after a timeout."""
    return getattr(error, "sqlstate", None) == _CANCELED


def is_read_only(error: Exception) -> bool:
    """Return whether the server refuses writes: it was demoted, so another connection may reach the new primary."""
    return getattr(error, "sqlstate", None) == _READS_ONLY


def as_sqlalchemy_error(error: Exception, statement: str, *, is_disconnect: bool) -> DBAPIError:
    """Return the error that SQLAlchemy would raise for a driver error, translated like `translate_driver_error`."""
    _remove_values(error)
    if reason := _reason(error) or (UNREACHABLE if is_disconnect else None):
        return DatabaseUnavailable(reason, error, statement)
    is_integrity_error = any("Integrity" in base.__name__ for base in type(error).__mro__)
    return (IntegrityError if is_integrity_error else DBAPIError)(statement, None, error, hide_parameters=True)


def log_outage(error: BaseException) -> None:
    """Log a failure on one line; include the traceback for the first of an outage."""
    cause = _driver_error(error)
    error_type, now = type(cause), time.monotonic()
    is_first = now - _last_reports.get(error_type, -TRACEBACK_INTERVAL_SECONDS) >= TRACEBACK_INTERVAL_SECONDS
    _last_reports[error_type] = now
    line, _, _ = f"{error_type.__name__}: {cause}".removesuffix(": ").partition("\n")
    logger.warning("unavailable: %s", line, exc_info=error if is_first else None)


def outage_reason(error: BaseException) -> str:
    """Return the reason to show to the caller."""
    return error.reason if isinstance(error, DatabaseUnavailable) else "No database connection is available."


def _driver_error(error: BaseException) -> BaseException:
    """Return the driver's exception, which SQLAlchemy wraps."""
    try:
        while isinstance(inner := getattr(error, "driver_exception", None), BaseException):
            error = inner
    except ValueError:  # SQLAlchemy's InvalidCachedStatementError has no driver exception
        return error.__cause__ or error
    return error


def _remove_values(error: Exception) -> None:
    if getattr(error, "detail", None):
        error.detail = None  # type: ignore[attr-defined] # `Key (email)=(ada@example.com) already exists.`


def _reason(error: BaseException) -> str | None:
    """Return why the database is unavailable, or None if this is another error."""
    if "unsupported startup parameter" in str(error):
        return _POOLER
    if "cached statement plan is invalid" in str(error):  # the driver prepares the next one anew
        return _MIGRATED
    if sqlstate := getattr(error, "sqlstate", None):
        return next((reason for code, reason in _BY_SQLSTATE.items() if str(sqlstate).startswith(code)), None)
    if (code := getattr(error, "sqlite_errorcode", None)) is not None:
        return _BY_SQLITE_CODE.get(code & 0xFF)
    if isinstance(error, TimeoutError):
        return _SLOW
    return UNREACHABLE if isinstance(error, OSError) else None
