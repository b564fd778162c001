"""Resolve references in imported files by ID or title."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import String, or_
from starlette_admin.fields import RelationField

from app.admin.files.formats import unescape_formula

_AT_ONCE = 500


class ReferenceLookup:
    """The rows that the cells of a field may refer to."""

    def __init__(self, request: Request, view: Any, field: RelationField) -> None:  # noqa: ANN401
        self.request, self.field = request, field
        self.foreign = view._find_foreign_view(field.key)  # noqa: SLF001
        self.is_own = self.foreign.model is view.model
        self.is_named = isinstance(getattr(self.foreign.model, self.foreign.title_field).type, String)
        self.found: dict[str, list[Any]] = defaultdict(list)

    async def find(self, cells: Collection[str]) -> None:
        """Look up what these cells name: one query for many."""
        foreign = self.foreign
        title, named = getattr(foreign.model, foreign.title_field), self.is_named
        wanted = sorted({key for cell in cells for key in self.keys(cell) if "\x00" not in key})
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            ids = foreign.model.id.in_([UUID(key) for key in part if is_uuid(key)])
            query = foreign.get_list_query(self.request).where(or_(ids, title.in_(part)) if named else ids)
            for row in (await self.request.state.session.scalars(query)).unique():
                self.add(row, str(row.id))
                if named:
                    self.add(row, getattr(row, foreign.title_field))

    def add(self, row: Any, key: str) -> None:  # noqa: ANN401
        """Let a key name a row."""
        if all(row is not known for known in self.found[key]):
            self.found[key].append(row)

    def keys(self, cell: str) -> Iterator[str]:
        """Return what a cell refers to, as it is exported: one in each line."""
        cell = unescape_formula(cell)
        lines = (key.strip() for key in (cell.splitlines() if self.field.multiple else [cell]))
        return (str(UUID(key)) if is_uuid(key) else key for key in lines if key)

    def refer(self, cell: str) -> Any:  # noqa: ANN401 - a row, several, or none
        """Return the rows that a cell names, each once.

        Raises:
            ValueError: with a sentence for the person, when one is not there or not the only one.
        """
        rows: list[Any] = []
        for key in self.keys(cell):
            found = self.found.get(key, [])
            if len(found) != 1:
                raise ValueError(self._lookup_error(key, len(found)))
            rows += [row for row in found if row not in rows]
        return rows if self.field.multiple else next(iter(rows), None)

    def agree(self, cell: str, ids: str) -> Any:  # noqa: ANN401 - a row, several, or none
        """Return the rows that have these ids and, where rows have names, these names.

        Raises:
            ValueError: with a sentence for the person.
        """
        if not ids.strip():
            return self.refer(cell)
        rows = self.refer(ids)
        several = rows if self.field.multiple else [rows]
        titles = [self.foreign.title_of(self.request, row) or str(row.id) for row in several]
        if self.is_named and sorted({*titles}) != sorted({*self.keys(cell)}):
            raise ValueError(
                "The name and the ID refer to different records. Change both, or remove one of the columns."
            )
        return rows

    def _lookup_error(self, key: str, count: int) -> str:
        if count:
            plural = str(self.foreign.model.__tablename__).replace("_", " ")
            return f"{count} {plural} are called “{key[:80]}”. Use the ID."
        return f"No {self.foreign.display_name.lower()} {'has the ID' if is_uuid(key) else 'is called'} “{key[:80]}”."


def is_uuid(key: str) -> bool:
    """Return whether a text is the id of a row."""
    try:
        UUID(key)
    except ValueError:
        return False
    return True
