"""How asyncpg works through PgBouncer in transaction mode, where each transaction may get another connection.

Nothing may live longer than a transaction: no prepared statement with a name, no setting, no session lock. Every
statement runs in a transaction, so that it is parsed and executed on one connection.
"""

from typing import Any

from asyncpg import Connection


class _Connection(Connection):  # type: ignore[misc] # asyncpg's class has no type
    """A connection that looks up a type in a transaction; SQLAlchemy asks for two when it connects."""

    async def set_type_codec(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - asyncpg's
        async with self.transaction():
            await super().set_type_codec(*arguments, **options)


CONNECT_ARGS: dict[str, Any] = {
    "connection_class": _Connection,
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    # Without a name, a statement ends with the next one. One with a name would stay on the server's connection.
    "prepared_statement_name_func": lambda: "",
}
