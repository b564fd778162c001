"""Base classes and mixins of models."""

from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import JSON, CheckConstraint, Column, Enum, ForeignKey, MetaData, Table, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship
from uuid_utils.compat import uuid7

from app.database.column_types import UtcDateTime

IDENTIFIER_LENGTH = 63
"""PostgreSQL's longest name. https://www.postgresql.org/docs/current/sql-syntax-lexical.html"""


def check_name(table: str, name: str) -> str:
    """Return the name of a CHECK constraint, shortened to what PostgreSQL stores as SQLAlchemy does for other kinds.

    Alembic compares these by name, also on SQLite, where SQLAlchemy shortens none.
    """
    full = f"ck_{table}_{name}"
    return full if len(full) <= IDENTIFIER_LENGTH else f"{full[:55]}_{sha256(full.encode()).hexdigest()[-4:]}"


def _check_name_of(constraint: CheckConstraint, table: Table) -> str:
    if constraint.name is None:
        message = f"Name each CheckConstraint of {table.name}, so that migrations can drop it."
        raise InvalidRequestError(message)
    return check_name(table.name, str(constraint.name))


# Alembic can only drop a constraint that it can name.
# https://alembic.sqlalchemy.org/en/latest/naming.html
NAMING_CONVENTION: dict[str, Any] = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "%(short_constraint_name)s",
    "short_constraint_name": _check_name_of,
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def utc_now() -> datetime:
    """Return the current time in UTC, timezone-aware."""
    return datetime.now(UTC)


def _values(enum: type[StrEnum]) -> list[str]:
    return [member.value for member in enum]


# Store None as SQL NULL, not as JSON null, which `IS NULL` doesn't match.
_JSON = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


@event.listens_for(Column, "after_parent_attach")
def _let_none_be_null(column: Column[Any], _: object) -> None:
    """Store None as NULL although the column has a default, which the ORM would use instead."""
    if column.nullable and column.server_default is not None:
        column.type = column.type.evaluates_none()


class Base(DeclarativeBase):
    """Base class of all models."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's
        datetime: UtcDateTime(),
        # Stored as text, so that adding a value needs no migration.
        StrEnum: Enum(StrEnum, native_enum=False, length=40, values_callable=_values),
        list[str]: _JSON,
        list[int]: _JSON,
        dict[str, JsonValue]: _JSON,
    }


class UUIDv7Base(Base):
    """A model with a UUIDv7 primary key (RFC 9562 §5.7): `ORDER BY id DESC` sorts newest first."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-10)


class VersionedBase(Base):
    """A model with creation and update times, and a version for optimistic locking. Add a primary key `id`."""

    __abstract__ = True

    version: Mapped[int] = mapped_column(sort_order=90)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, sort_order=91)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now, sort_order=92)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805
        """Increment `version` on each update; raise `StaleDataError` on a concurrent update."""
        return {"version_id_col": cls.version}


class Record(UUIDv7Base, VersionedBase):
    """A model with an ID, creation and update times, and a version for optimistic locking."""

    __abstract__ = True


class Owned:
    """Mixin for rows that belong to a user and are deleted with them.

    Add `Index(None, "owner_id", "id")` for pagination.
    """

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), sort_order=80)

    @declared_attr
    @classmethod
    def owner(cls) -> Mapped[Any]:
        """Relationship to the owner; load it explicitly with `.options(joinedload(Note.owner))`."""
        return relationship("User", lazy="raise", foreign_keys=lambda: cls.owner_id)
