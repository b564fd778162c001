"""Resolve the references of imported rows by ID or title."""

from collections.abc import Collection, Iterator
from typing import Any

from fastapi import Request
from sqlalchemy import String, or_
from starlette_admin.fields import RelationField

from app.admin.files.formats import unescape_formula
from app.database.keys import is_entered, key_column, key_of, normalize_key, parse_keys
from app.i18n import gettext, in_sentence

_BATCH_SIZE = 500


class ReferenceLookup:
    """Finds the rows that the cells of a reference field refer to."""

    def __init__(self, request: Request, view: Any, field: RelationField) -> None:  # noqa: ANN401
        self.request, self.field = request, field
        self.foreign = view._find_foreign_view(field.key)  # noqa: SLF001
        self.is_own = self.foreign.model is view.model
        self.has_text_title = isinstance(getattr(self.foreign.model, self.foreign.title_field).type, String)
        self.rows_by_id: dict[str, list[Any]] = {}
        self.rows_by_title: dict[str, list[Any]] = {}

    async def load(self, cells: Collection[str]) -> None:
        """Load the rows that these cells refer to, in batches."""
        foreign = self.foreign
        title, by_title = getattr(foreign.model, foreign.title_field), self.has_text_title
        wanted = sorted({name for cell in cells for name in self.names(cell) if "\x00" not in name})
        for start in range(0, len(wanted), _BATCH_SIZE):
            names = wanted[start : start + _BATCH_SIZE]
            by_id = key_column(foreign.model).in_(parse_keys(foreign.model, names).values())
            query = foreign.get_list_query(self.request).where(or_(by_id, title.in_(names)) if by_title else by_id)
            for row in (await self.request.state.session.scalars(query)).unique():
                add_row(self.rows_by_id, str(key_of(row)), row)
                if by_title:
                    add_row(self.rows_by_title, getattr(row, foreign.title_field), row)

    def names(self, cell: str) -> Iterator[str]:
        """Return the titles and IDs in a cell, which has one per line as in an export."""
        cell = unescape_formula(cell)
        lines = (line.strip() for line in (cell.splitlines() if self.field.multiple else [cell]))
        return (normalize_key(self.foreign.model, line) for line in lines if line)

    def resolve(self, cell: str, *, is_ids: bool = False) -> Any:  # noqa: ANN401 - a list of rows, a row or None
        """Return the rows that a cell refers to, without duplicates. A column of IDs may have titles, and vice versa.

        Raises:
            ValueError: no row has the title or ID, or several have the title. The message is for the user.
        """
        rows: list[Any] = []
        ids, titles = self.rows_by_id, self.rows_by_title
        first, second = (ids, titles) if is_ids else (titles, ids)
        for name in self.names(cell):
            found = first.get(name) or second.get(name, [])
            if len(found) != 1:
                raise ValueError(self._lookup_error(name, len(found)))
            rows += [row for row in found if row not in rows]
        return rows if self.field.multiple else next(iter(rows), None)

    def resolve_with_ids(self, cell: str, ids: str) -> Any:  # noqa: ANN401 - a list of rows, a row or None
        """Return the rows with these IDs, and check that they have these titles.

        Raises:
            ValueError: an ID is unknown, or a title differs. The message is for the user.
        """
        if not ids.strip():
            return self.resolve(cell)
        rows = self.resolve(ids, is_ids=True)
        row_list = rows if self.field.multiple else [rows]
        titles = [self.foreign.title_of(self.request, row) or str(key_of(row)) for row in row_list]
        if self.has_text_title and sorted({*titles}) != sorted({*self.names(cell)}):
            raise ValueError(
                gettext("The name and the ID refer to different records. Change both, or remove one of the columns.")
            )
        return rows

    def _lookup_error(self, name: str, count: int) -> str:
        if count:
            plural = in_sentence(gettext(str(self.foreign.model.__tablename__).replace("_", " ").capitalize()))
            return gettext(
                "%(count)s %(names)s are called “%(name)s”. Use the ID.", count=count, names=plural, name=name[:80]
            )
        model, kind = self.foreign.model, in_sentence(self.foreign.display_name)
        if not is_entered(model) and parse_keys(model, [name]):
            return gettext("No %(kind)s has the ID “%(name)s”.", kind=kind, name=name[:80])
        return gettext("No %(kind)s is called “%(name)s”.", kind=kind, name=name[:80])


def add_row(rows: dict[str, list[Any]], name: str, row: Any) -> None:  # noqa: ANN401
    """Add a row under an ID or a title."""
    found = rows.setdefault(name, [])
    if all(row is not other for other in found):
        found.append(row)
