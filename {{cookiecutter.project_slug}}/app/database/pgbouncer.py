"""asyncpg options for PgBouncer in transaction mode, where each transaction can get another server connection.

Nothing can outlive a transaction: no named prepared statement, no setting, no session lock. Every statement runs in a
transaction, so that it is parsed and executed on the same connection.
"""

from typing import Any

from asyncpg import Connection


class _Connection(Connection):  # type: ignore[misc] # asyncpg's class has no type
    """A connection that looks up types in a transaction; SQLAlchemy sets two type codecs when it connects."""

    async def set_type_codec(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - asyncpg's
        async with self.transaction():
            await super().set_type_codec(*arguments, **options)


CONNECT_ARGS: dict[str, Any] = {
    "connection_class": _Connection,
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    # The next statement replaces an unnamed one; a named one would stay on the server connection.
    "prepared_statement_name_func": lambda: "",
}
