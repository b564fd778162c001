"""SQLAlchemy engines for SQLite and PostgreSQL, and their connection settings."""

import logging
import os
import stat
import unicodedata
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

from app.database.outages import UNREACHABLE, WAS_CANCELED, DatabaseUnavailable, TranslatingPool, translate_driver_error
from app.database.statement_log import StatementLog
from app.settings.config import DatabaseSettings
from app.settings.database_url import parse_postgresql_url


def create_engines(settings: DatabaseSettings) -> tuple[AsyncEngine, AsyncEngine]:
    """Create the read and the write engine, which share a connection pool; see `Database`."""
    create = _create_sqlite if settings.url.startswith("sqlite") else _create_postgresql
    engine, write_engine = create(settings)
    event.listen(engine.sync_engine, "handle_error", translate_driver_error, retval=True)
    StatementLog(settings.slow_statements).listen(engine.dialect)
    return engine, write_engine


def _create_sqlite(settings: DatabaseSettings) -> tuple[AsyncEngine, AsyncEngine]:
    # No overflow: such a connection is closed when it is returned, which `driver.py` can't do.
    pool = {"pool_size": settings.pool_size, "max_overflow": 0, "pool_timeout": settings.pool_timeout.total_seconds()}
    engine = create_async_engine(
        settings.url,
        connect_args={"timeout": settings.busy_timeout.total_seconds()},
        hide_parameters=True,
        **({} if ":memory:" in settings.url else pool),
        pool_reset_on_return=None,  # see _reset_sqlite
    )
    logging.getLogger("aiosqlite").setLevel(logging.INFO)  # its debug log contains parameter values
    event.listen(engine.sync_engine, "do_connect", _restrict_permissions)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    event.listen(engine.sync_engine, "reset", _reset_sqlite)
    return engine, engine.execution_options(begin_immediate=True)


def _create_postgresql(settings: DatabaseSettings) -> tuple[AsyncEngine, AsyncEngine]:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args=postgresql_connect_args(settings),
        hide_parameters=True,
        poolclass=TranslatingPool,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout.total_seconds(),
        pool_use_lifo=True,  # so that the statements of a request mostly use the same connection
        pool_recycle=300,  # firewalls may silently drop idle connections
        isolation_level="READ COMMITTED" if settings.uses_pgbouncer else "AUTOCOMMIT",
    )
    event.listen(engine.sync_engine, "checkout", _replace_unusable)
    return engine, engine.execution_options(isolation_level="READ COMMITTED")


def postgresql_connect_args(settings: DatabaseSettings) -> dict[str, Any]:
    """Set timeouts in the server, and in the client in case the server is unresponsive."""
    seconds = settings.statement_timeout.total_seconds()
    arguments = {
        "timeout": settings.connect_timeout.total_seconds(),
        "command_timeout": seconds + CLIENT_TIMEOUT_MARGIN_SECONDS if seconds else None,
        **parse_postgresql_url(settings.url),
    }
    if settings.password:
        arguments["password"] = settings.password.get_secret_value()
    if settings.uses_pgbouncer:  # PgBouncer rejects server settings
        from app.database.pgbouncer import CONNECT_ARGS  # noqa: PLC0415 - only where PostgreSQL is used

        return arguments | CONNECT_ARGS
    limits = {"statement_timeout": settings.statement_timeout, "lock_timeout": settings.lock_timeout}
    if seconds:
        limits["idle_in_transaction_session_timeout"] = IDLE_TRANSACTION_TIMEOUT
    milliseconds = {name: str(limit // timedelta(milliseconds=1)) for name, limit in limits.items()}
    return arguments | {"server_settings": milliseconds | KEEPALIVE}


# So that the server ends the transactions of a machine that was cut off within a minute; the default is two hours.
# https://www.postgresql.org/docs/current/runtime-config-connection.html#RUNTIME-CONFIG-TCP-SETTINGS
KEEPALIVE = {
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
IDLE_TRANSACTION_TIMEOUT = timedelta(minutes=1)
"""When the server ends a transaction without a statement: its locks and old rows would stay as long as it does."""
CLIENT_TIMEOUT_MARGIN_SECONDS = 2  # the server cancels a slow statement first, unless it hangs


def _restrict_permissions(dialect: object, record: object, arguments: list[str], options: dict[str, Any]) -> None:  # noqa: ARG001 - SQLAlchemy's
    """Create the SQLite file with mode 0600, or remove permissions of other users.

    SQLite gives its `-wal` and `-shm` files the mode of the database.
    """
    if arguments[0] == ":memory:" or options.get("uri"):
        return
    try:
        # Only if it doesn't exist: closing a file releases all locks that this process holds on it, including
        # SQLite's. https://www.sqlite.org/howtocorrupt.html (2.2)
        os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise DatabaseUnavailable(UNREACHABLE, error) from error
    for path in (Path(arguments[0] + end) for end in ("", "-wal", "-shm")):
        with suppress(FileNotFoundError, PermissionError):  # missing, or owned by another user
            if (mode := path.stat().st_mode) & stat.S_IRWXO:
                path.chmod(stat.S_IMODE(mode) & ~stat.S_IRWXO)


def _prepare_sqlite(connection: Any, record: object) -> None:  # noqa: ANN401, ARG001 - any DB-API driver
    connection.isolation_level = None  # the engine sends BEGIN itself: see _begin_sqlite
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")  # readers don't wait for the writer, nor it for them
    cursor.execute("PRAGMA synchronous = FULL")  # committed writes survive a power loss
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
    connection.create_function("fold_text", 1, fold_text, deterministic=True)


def fold_text(text: str | None) -> str | None:
    """Return text folded for search: NFKC, lowercase, ß as ss.

    SQLite calls this as `fold_text`; PostgreSQL has the same in SQL: see `migrations/versions/0006_search.py`.
    """
    if text is None or text.isascii():
        return text and text.lower()
    return unicodedata.normalize("NFKC", text).translate(_SIGMA_AND_I).lower().replace("ß", "ss")


# Their lowercase depends on the position in the word or on the library.
_SIGMA_AND_I = str.maketrans("İςΣ", "iσσ")  # noqa: RUF001 - Greek


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads before it writes can't wait for another writer (SQLITE_BUSY_SNAPSHOT), so a read-write
    # session takes the write lock when it begins. https://www.sqlite.org/lang_transaction.html
    driver: Any = connection.connection.driver_connection
    if "begin_immediate" in connection.get_execution_options() and not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _reset_sqlite(connection: Any, record: object, state: PoolResetState) -> None:  # noqa: ANN401, ARG001 - any driver
    """Roll back only if a transaction is open, to save a call to the driver's thread.

    https://docs.sqlalchemy.org/en/21/core/pooling.html#pool-reset-on-return
    """
    if not state.terminate_only and connection.driver_connection.in_transaction:
        connection.rollback()


def _replace_unusable(connection: Any, record: ConnectionPoolEntry, proxy: object) -> None:  # noqa: ANN401, ARG001 - asyncpg's
    """Replace a connection that the server closed, or whose BEGIN, COMMIT or ROLLBACK was canceled.

    The driver knows without a round trip, unlike `pool_pre_ping`.
    https://docs.sqlalchemy.org/en/21/core/pooling.html#disconnect-handling-pessimistic
    """
    driver = connection.driver_connection
    if driver.is_closed() or driver.is_in_transaction() or WAS_CANCELED in record.info:
        raise DisconnectionError
