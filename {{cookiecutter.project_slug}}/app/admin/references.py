"""What the cells of a file refer to: rows, by their ids or by the words that name them."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import String, or_
from starlette_admin.fields import RelationField

_AT_ONCE = 500


async def find_references(
    request: Request,
    view: Any,  # noqa: ANN401 - a ModelView, whose module needs this one
    field: RelationField,
    keys: Collection[str],
) -> dict[str, Any]:
    """Return the rows by their keys; without those that no row, or more than one, has."""
    foreign = view._find_foreign_view(field.key)  # noqa: SLF001
    title = getattr(foreign.model, foreign.title_field)
    named = isinstance(title.type, String)
    found: dict[str, Any] = {}
    wanted = sorted(key for key in keys if "\x00" not in key)
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        ids = foreign.model.id.in_([UUID(key) for key in part if _is_id(key)])
        query = foreign.get_list_query(request).where(or_(ids, title.in_(part)) if named else ids)
        rows = list((await request.state.session.scalars(query)).unique())
        names = [getattr(row, foreign.title_field) for row in rows] if named else []
        found |= {name: row for name, row in zip(names, rows, strict=False) if names.count(name) == 1}
        found |= {key: row for row in rows for key in part if _is_id(key) and UUID(key) == row.id}
    return found


def _is_id(key: str) -> bool:
    try:
        UUID(key)
    except ValueError:
        return False
    return True
