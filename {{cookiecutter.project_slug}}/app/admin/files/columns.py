"""The columns of exported and imported files: one for each field, and for a reference, titles and ids."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette_admin.fields import BaseField, RelationField

from app.admin.files.csv_files import InvalidFile


@dataclass(frozen=True, eq=False)
class FileColumn:
    """A field, or the ids that a reference has beside its titles."""

    field: BaseField
    is_ids: bool = False

    @property
    def name(self) -> str:
        """Return what JSON calls it: "author", or "author_id" for the ids."""
        return f"{self.field.name}_id" if self.is_ids else self.field.name

    @property
    def label(self) -> str:
        """Return what stands in the first row of a table."""
        label = self.field.label or self.field.name
        return f"{label} id" if self.is_ids else label


def file_columns(fields: Iterable[BaseField]) -> list[FileColumn]:
    """Return the columns of these fields, in their order."""
    return [
        FileColumn(f, is_ids)
        for f in fields
        for is_ids in ((False, True) if isinstance(f, RelationField) else (False,))
    ]


def match_columns(names: Sequence[str], fields: Iterable[BaseField]) -> dict[str, FileColumn]:
    """Return the columns by the names that a file gives them: names or labels, in any case.

    Raises:
        InvalidFile: when two are the same.
    """
    columns = file_columns(fields)
    # A field of its own may be called like the ids of another.
    known = {
        normalize_header(said): c for c in sorted(columns, key=lambda c: not c.is_ids) for said in (c.label, c.name)
    }
    matched: dict[str, FileColumn] = {}
    for name in names:
        column = known.get(normalize_header(name))
        if column in matched.values():
            raise InvalidFile(f"Duplicate column “{name[:80]}”. Remove one of them.")
        if column is not None:
            matched[name] = column
    return matched


def normalize_header(name: str) -> str:
    """Return a name without what people write differently; the dialog marks required columns with `*`."""
    return re.sub(r"[\s_]+", " ", name).strip(" *").casefold()
