"""Resolve the references of imported rows by ID or title."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import String, or_
from starlette_admin.fields import RelationField

from app.admin.files.formats import unescape_formula

_BATCH_SIZE = 500


class ReferenceLookup:
    """Finds the rows that the cells of a reference field refer to."""

    def __init__(self, request: Request, view: Any, field: RelationField) -> None:  # noqa: ANN401
        self.request, self.field = request, field
        self.foreign = view._find_foreign_view(field.key)  # noqa: SLF001
        self.is_own = self.foreign.model is view.model
        self.has_text_title = isinstance(getattr(self.foreign.model, self.foreign.title_field).type, String)
        self.rows_by_key: dict[str, list[Any]] = defaultdict(list)

    async def load(self, cells: Collection[str]) -> None:
        """Load the rows that these cells refer to, in batches."""
        foreign = self.foreign
        title, by_title = getattr(foreign.model, foreign.title_field), self.has_text_title
        wanted = sorted({key for cell in cells for key in self.keys(cell) if "\x00" not in key})
        for start in range(0, len(wanted), _BATCH_SIZE):
            keys = wanted[start : start + _BATCH_SIZE]
            ids = foreign.model.id.in_([UUID(key) for key in keys if is_uuid(key)])
            query = foreign.get_list_query(self.request).where(or_(ids, title.in_(keys)) if by_title else ids)
            for row in (await self.request.state.session.scalars(query)).unique():
                self.add(row, str(row.id))
                if by_title:
                    self.add(row, getattr(row, foreign.title_field))

    def add(self, row: Any, key: str) -> None:  # noqa: ANN401
        """Add a row under a key, which is its ID or title."""
        if all(row is not other for other in self.rows_by_key[key]):
            self.rows_by_key[key].append(row)

    def keys(self, cell: str) -> Iterator[str]:
        """Return the titles and IDs in a cell, which has one per line as in an export."""
        cell = unescape_formula(cell)
        lines = (key.strip() for key in (cell.splitlines() if self.field.multiple else [cell]))
        return (str(UUID(key)) if is_uuid(key) else key for key in lines if key)

    def resolve(self, cell: str) -> Any:  # noqa: ANN401 - a list of rows, a row or None
        """Return the rows that a cell refers to, without duplicates.

        Raises:
            ValueError: no row has the title or ID, or several have the title. The message is for the user.
        """
        rows: list[Any] = []
        for key in self.keys(cell):
            found = self.rows_by_key.get(key, [])
            if len(found) != 1:
                raise ValueError(self._lookup_error(key, len(found)))
            rows += [row for row in found if row not in rows]
        return rows if self.field.multiple else next(iter(rows), None)

    def resolve_with_ids(self, cell: str, ids: str) -> Any:  # noqa: ANN401 - a list of rows, a row or None
        """Return the rows with these IDs, and check that they have these titles.

        Raises:
            ValueError: an ID is unknown, or a title differs. The message is for the user.
        """
        if not ids.strip():
            return self.resolve(cell)
        rows = self.resolve(ids)
        row_list = rows if self.field.multiple else [rows]
        titles = [self.foreign.title_of(self.request, row) or str(row.id) for row in row_list]
        if self.has_text_title and sorted({*titles}) != sorted({*self.keys(cell)}):
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
    """Return whether the text is a UUID."""
    try:
        UUID(key)
    except ValueError:
        return False
    return True
