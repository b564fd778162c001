"""Columns of exported and imported files: one per field, and a second one with IDs for a reference."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette_admin.fields import BaseField, RelationField

from app.admin.files.csv_files import InvalidFile
from app.i18n import SOURCE_LOCALE, gettext, use_locale


@dataclass(frozen=True, eq=False)
class FileColumn:
    """A column for a field. A reference has two: titles, and IDs."""

    field: BaseField
    is_ids: bool = False

    @property
    def name(self) -> str:
        """Return the name in JSON: "author", or "author_id" for the IDs."""
        return f"{self.field.name}_id" if self.is_ids else self.field.name

    @property
    def label(self) -> str:
        """Return the name in the header. It is in English, so that users of any language can import the file."""
        with use_locale(SOURCE_LOCALE):
            label = str(self.field.label or self.field.name)
        return f"{label} id" if self.is_ids else label


def file_columns(fields: Iterable[BaseField]) -> list[FileColumn]:
    """Return the columns of these fields, in their order."""
    return [
        FileColumn(f, is_ids)
        for f in fields
        for is_ids in ((False, True) if isinstance(f, RelationField) else (False,))
    ]


def match_columns(names: Sequence[str], fields: Iterable[BaseField]) -> dict[str, FileColumn]:
    """Return the columns by their names in the file, which are names or labels, in any case.

    Raises:
        InvalidFile: two names are the same column.
    """
    columns = file_columns(fields)
    # A field may have the same name as the IDs of a reference: the field wins.
    known = {
        normalize_header(name): c for c in sorted(columns, key=lambda c: not c.is_ids) for name in (c.label, c.name)
    }
    matched: dict[str, FileColumn] = {}
    for name in names:
        column = known.get(normalize_header(name))
        if column in matched.values():
            raise InvalidFile(gettext("Duplicate column “%(name)s”. Remove one of them.", name=name[:80]))
        if column is not None:
            matched[name] = column
    return matched


def normalize_header(name: str) -> str:
    """Return a name without differences in case, spaces and underscores, and without the `*` of required columns."""
    return re.sub(r"[\s_]+", " ", name).strip(" *").casefold()
