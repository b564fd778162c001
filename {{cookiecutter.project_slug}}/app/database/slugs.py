"""Slugs that are made from another column: "Tea & coffee" becomes `tea-coffee`, or `tea-coffee-2` if that is taken.

    slug: Mapped[str] = mapped_column(String(100), default=slug_from("title"))

This is a default: a slug that is sent is stored as it is, and a new title doesn't change the slug of a row.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slugify import slugify
from sqlalchemy import (
    ColumnElement,
    Connection,
    UniqueConstraint,
    and_,
    bindparam,
    column,
    false,
    or_,
    select,
    table,
    true,
    update,
)

RESERVED_SLUGS = frozenset({"live", "new"})
"""Slugs that no row can have, because pages have these URLs, such as /articles/new. Add those of your own routes."""

_MAX_NUMBER = 9  # rows with the same title; later ones get a random suffix
_TOKEN_BYTES = 4
_SUFFIX_LENGTH = 1 + 2 * _TOKEN_BYTES
_MAX_TEXT_LENGTH = 1000
_BATCH_SIZE = 500


def slug_from(source: str) -> Callable[[Any], str]:
    """Return a column default that makes a slug from the column `source`.

    It differs from those of the rows that the unique constraint of the column covers, for example those of the same
    owner. If another transaction inserts the same slug at the same time, the constraint rejects the later one.
    """

    def default(context: Any) -> str:  # noqa: ANN401 - SQLAlchemy's execution context
        slug, values = context.current_column, context.get_current_parameters()
        candidates = _candidates(values.get(source), slug.type.length)
        stored = context.connection.scalars(select(slug).where(slug.in_(candidates), _same_scope(slug, values)))
        taken = {*stored, *(row.get(slug.key) for row in context.compiled_parameters)}  # of the same INSERT, too
        return next(candidate for candidate in candidates if candidate not in taken)

    return default


def fill_slugs(  # noqa: PLR0913 - keyword arguments of a migration
    connection: Connection, name: str, slug: str, *, source: str, length: int, within: Sequence[str] = ()
) -> None:
    """Make slugs for the existing rows of a table, oldest first, unique `within` these columns.

    For migrations that add a column. The table must have a column `id`.
    """
    rows = table(name, *(column(other) for other in ("id", slug, source, *within)))
    taken: set[tuple[Any, ...]] = set()
    changes: list[dict[str, Any]] = []
    for row in connection.execute(select(rows.c.id, rows.c[source], *(rows.c[c] for c in within)).order_by(rows.c.id)):
        made = next(text for text in _candidates(row[1], length) if (text, *row[2:]) not in taken)
        taken.add((made, *row[2:]))
        changes.append({"row_id": row[0], "made": made})
    statement = update(rows).where(rows.c.id == bindparam("row_id")).values({slug: bindparam("made")})
    for start in range(0, len(changes), _BATCH_SIZE):
        connection.execute(statement, changes[start : start + _BATCH_SIZE])


def _same_scope(slug: Any, values: Mapping[str, Any]) -> ColumnElement[bool]:  # noqa: ANN401 - a column
    """Return the condition for rows that a unique constraint compares with this one."""
    constraints = [c for c in slug.table.constraints if isinstance(c, UniqueConstraint) and slug in c.columns.values()]
    others = [[column for column in constraint.columns if column is not slug] for constraint in constraints]
    same = [[column == values[column.key] for column in part if values.get(column.key) is not None] for part in others]
    return or_(false(), *(and_(true(), *conditions) for conditions in same))


def _candidates(text: str | None, length: int) -> list[str]:
    """Return the slugs to try in turn. The last one is random; so is the only one if nothing is left of the text."""
    plain = re.sub("['\u2019]", "", (text or "")[:_MAX_TEXT_LENGTH])  # don't becomes dont
    base = slugify(plain, max_length=length - _SUFFIX_LENGTH, word_boundary=True, save_order=True)
    token = secrets.token_hex(_TOKEN_BYTES)
    numbered = [f"{base}-{number}" for number in range(2, _MAX_NUMBER + 1)]
    return [slug for slug in (base, *numbered, f"{base}-{token}") if slug not in RESERVED_SLUGS] if base else [token]
