"""Base classes of tables."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import JSON, Enum, ForeignKey, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship
from uuid_utils.compat import uuid7

from app.database.column_types import UtcDateTime

# Alembic can only drop a constraint that it can name.
# https://alembic.sqlalchemy.org/en/latest/naming.html
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


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


class UUIDv7Base(Base):
    """A table with UUIDv7 keys (RFC 9562 §5.7): they begin with the time, so newest first is `ORDER BY id DESC`."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-10)


class Record(UUIDv7Base):
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
