"""The database: its engine, its transactions, and the base classes of tables."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    Enum,
    Executable,
    ForeignKey,
    MetaData,
    Row,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship
from uuid_utils.compat import uuid7

from app.engines import open_engines
from app.orm_sessions import ReadSession, WriteSession
from app.settings import DatabaseSettings

# Alembic can only drop a constraint that it can name.
# https://alembic.sqlalchemy.org/en/latest/naming.html
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC; SQLite would give it back without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse a moment without a zone, and store the others in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a time needs a zone: use datetime.now(UTC)"
            raise ValueError(message)
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """Give the zone back."""
        if value is None:
            return None
        moment: datetime = value
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def _values(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind]


# None is SQL NULL, and never the null of JSON, which `IS NULL` does not find.
_JSON = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Base(DeclarativeBase):
    """Parent of every table."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 - read once, by SQLAlchemy
        datetime: UtcDateTime(),
        # As text, so that a value is added without a migration.
        StrEnum: Enum(StrEnum, native_enum=False, length=40, values_callable=_values),
        list[str]: _JSON,
        list[int]: _JSON,
        dict[str, JsonValue]: _JSON,
    }


class Keyed(Base):
    """A table with UUIDv7 keys (RFC 9562 §5.7): they begin with the time, so newest first is `ORDER BY id DESC`."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-10)


class Record(Keyed):
    """A table with a key, two times, and a version that tells two writers apart."""

    __abstract__ = True

    version: Mapped[int] = mapped_column(sort_order=90)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, sort_order=91)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now, sort_order=92)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805
        """Count `version` up at each change, and refuse a change of an old version."""
        return {"version_id_col": cls.version}


class Owned:
    """Rows that belong to one user, and go with them; add `Index(None, "owner_id", "id")`, which pages need."""

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), sort_order=80)

    @declared_attr
    @classmethod
    def owner(cls) -> Mapped[Any]:
        """Relate the row to its user, for queries that ask for it: `.options(joinedload(Note.owner))`."""
        return relationship("User", lazy="raise", foreign_keys=lambda: cls.owner_id)


@dataclass(frozen=True, slots=True)
class Database:
    """The engine of this process, a read-write and a read-only session factory.

    `sessions` writes in a transaction. `reads` refuses to write and has none: each statement stands for itself, which
    saves the round trips of BEGIN and ROLLBACK, and on SQLite the wait for a writer. Neither expires rows
    at commit, so that what was committed can be answered. Of the engines, which share their connections, the one for
    reads is the plain one, for what differs from it is set anew at each use; a write of one statement may use it too.
    """

    engine: AsyncEngine
    writing_engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    reads: async_sessionmaker[AsyncSession]
    autocommit: bool
    """Whether `engine` commits each statement by itself; not through PgBouncer."""

    async def read(self, query: Executable, parameters: Mapping[str, object]) -> Sequence[Row[*tuple[Any, ...]]]:
        """Run a query of columns, not of entities, without a session: for what is asked at each request."""
        async with self.engine.connect() as connection:
            return (await connection.execute(query, parameters)).all()

    async def write(
        self, statement: Executable, parameters: Mapping[str, object] | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Run one statement in a transaction of its own; return the rows that it returns."""
        async with self.engine.connect() as connection:
            result = await connection.execute(statement, parameters)
            rows = result.all() if result.returns_rows else []
            if not self.autocommit:
                await connection.commit()
        return rows


def open_database(settings: DatabaseSettings) -> Database:
    """Make the engine; nothing connects before the first query. Close it with `database.engine.dispose()`."""
    engine, writes = open_engines(settings)
    kept: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}
    return Database(
        engine,
        writes,
        async_sessionmaker(writes, sync_session_class=WriteSession, **kept),
        async_sessionmaker(engine, class_=ReadSession, **kept),
        autocommit=not settings.uses_pgbouncer,
    )


@asynccontextmanager
async def opened_database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """Open the database, and close it in the end."""
    database = open_database(settings)
    try:
        yield database
    finally:
        await database.engine.dispose()


def violates(error: IntegrityError, constraint: UniqueConstraint) -> bool:
    """Tell whether it was this constraint that refused; any other is a bug, not a conflict.

    PostgreSQL names the constraint, SQLite its columns.
    """
    columns = ", ".join(f"{constraint.table.name}.{column.name}" for column in constraint.columns)
    return f'"{constraint.name}"' in str(error.orig) or str(error.orig).endswith(f": {columns}")


def breaks_reference(error: IntegrityError) -> bool:
    """Tell whether a foreign key refused: a row is still referred to, or refers to one that is gone."""
    # https://www.postgresql.org/docs/current/errcodes-appendix.html
    return getattr(error.orig, "sqlstate", None) in {"23001", "23503"} or "FOREIGN KEY" in str(error.orig)
