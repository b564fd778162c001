"""Inline forms: edit child records in the parent's form.

    class CopyInline(InlineView):
        model = Copy
        fields = ("shelf", "lent")

    class BookView(ModelView):
        model = Book
        fields = ("title", "author")
        inlines = (CopyInline,)

A feature can add one to the view of another feature's model: `parent = Book`, and `inlines = [CopyInline]` in its
`admin.py`. Users who can edit a book can edit its copies. The library alone would accept rows of other books, delete
rows although that isn't allowed, and store invalid input as NULL.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from starlette.datastructures import FormData
from starlette_admin.base import BaseAdmin
from starlette_admin.contrib.sqla.view import InlineModelView
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import RelationField

from app.admin.base.changed_data import detect_unchanged
from app.admin.base.error_messages import EDIT_CONFLICT, KEY_CONFLICT, explain
from app.admin.base.fields import field_default
from app.admin.base.model_view import ModelView
from app.database.keys import key_column, key_of
from app.i18n import gettext, gettext_noop, in_sentence

_Library: Any = InlineModelView  # its `model` is a ClassVar, ours is not: mypy would reject every view
_MAX_ROWS = 50  # a form has at most 1,000 fields
_NOT_FOUND = gettext_noop("This record was deleted or belongs to another one.")


class InlineView(_Library, ModelView):  # type: ignore[misc]
    """The rows of a model that refer to the form's row, at most fifty."""

    fields: Sequence[Any] = ()
    parent: ClassVar[type[Any] | None] = None
    """The model whose views get this inline, if its feature lists it in `inlines`."""
    fk_attr: str = ""
    """The column that refers to the parent, if there are several."""
    max_columns: ClassVar[int] = 8
    """The rows are a table on wide screens if they have at most so many fields, otherwise cards."""
    exclude_fields_from_detail: Sequence[str] = ("id",)
    flashes_errors = False  # the summary of the form's errors shows them

    def __init__(self, parent_view: Any = None) -> None:  # noqa: ANN401 - as in the library
        self.parent_view = parent_view
        ModelView.__init__(self)

    def _enter_key(self, key: str) -> None:
        """Show the primary key in the form, where new rows need it; `check_row` rejects a change."""
        super()._enter_key(key)
        self.exclude_fields_from_edit = [name for name in self.exclude_fields_from_edit if name != key]

    def row_id(self, index: int | str) -> str:
        """Return the HTML ID of a row. Those of its inputs start with it."""
        return f"{self._prefix()}.{index}"

    def row_name(self, row: Mapping[str, Any]) -> str:
        """Return the title of a row, as stored."""
        meta = row["obj"] and row["obj"]["_meta"]
        return str(meta["repr"]) if meta else gettext("New %(name)s", name=in_sentence(self.display_name))

    def _get_fk_attr(self) -> str:
        """Return the column that refers to the parent. The library requires a relationship, too."""
        parent: Any = self.parent_view
        table = parent.model.__table__
        return self.fk_attr or next(c.key for c in self.model.__table__.c if any(map(c.references, table.primary_key)))

    async def find_by_parent(self, request: Request, parent: Any) -> Sequence[Any]:  # noqa: ANN401
        """Return the rows of a parent, oldest first."""
        relations = [f.name for f in self.get_fields_list(request) if isinstance(f, RelationField)]
        query: Any = select(self.model).where(getattr(self.model, self._get_fk_attr()) == key_of(parent))
        query = self.visible_rows(request, query.options(*(joinedload(getattr(self.model, n)) for n in relations)))
        query = query.order_by(key_column(self.model)).limit(_MAX_ROWS)
        rows = (await request.state.session.scalars(query)).unique().all()
        await self.prefetch(request, request.state.session, rows)
        return list(rows)

    async def serialize(self, obj: Any, request: Request, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        """Add the version for optimistic locking."""
        serialized = await super().serialize(obj, request, *args, **kwargs)
        return {**serialized, "_version": getattr(obj, "version", None)}

    def explain(self, error: BaseException) -> dict[str | int, Any] | None:
        """Return error messages by field; none is about the parent."""
        return explain(error, self.model.__table__, self.problem_fields, self._get_fk_attr())

    def check_row(self, row: Mapping[str, Any], parent: Any) -> None:  # noqa: ANN401
        """Reject rows of another parent, rows changed since the form was opened, and deletions that aren't allowed."""
        if not row["pk"]:
            return
        found = row["data"].row
        if found is None or getattr(found, self._get_fk_attr()) != key_of(parent):
            raise FormValidationError({"": gettext(_NOT_FOUND)})
        if row["delete"] and not self.allow_delete:
            raise FormValidationError({"": gettext("This record can't be deleted here.")})
        if self.pk_attr in row["data"].keys() - row["data"].unchanged:
            raise FormValidationError({str(self.pk_attr): gettext(KEY_CONFLICT)})
        if row["data"]["_version"] != str(getattr(found, "version", None)):
            raise FormValidationError({"": gettext(EDIT_CONFLICT)})


class InlineSiteMixin(BaseAdmin):
    """The part of the site that parses and saves inline rows."""

    async def _parse_form_data(self, request: Request, form_data: FormData, view: Any) -> dict[str, Any]:  # noqa: ANN401
        """Parse a form, and detect the fields that it leaves unchanged."""
        data = await super()._parse_form_data(request, form_data, view)
        request.state.submitted = await detect_unchanged(request, view, data, getattr(request.state, "row", None))
        submitted: dict[str, Any] = request.state.submitted
        return submitted

    async def _parse_inline_forms(self, request: Request, view: Any, form_data: FormData) -> Any:  # noqa: ANN401
        """Parse all rows. If one is invalid, also check the form, to show all errors at once."""
        rows, errors = await super()._parse_inline_forms(request, view, form_data)
        if errors:
            try:
                await view.validate_fields(request, request.state.submitted)
            except FormValidationError as error:
                errors |= error.errors
        return rows, errors

    def _inline_indices(self, form_data: FormData, prefix: str) -> list[int]:
        """Return the indices of the rows. The library fails on digits such as "²" and on huge numbers."""
        numbered = re.compile(rf"{re.escape(prefix)}\.[0-9]{{1,9}}\.")
        return super()._inline_indices(FormData([(n, "") for n in form_data if numbered.match(n)]), prefix)

    async def _parse_inline_row_fields(
        self,
        request: Request,
        inline: Any,  # noqa: ANN401 - an InlineView; the library's type is wider
        form_data: FormData,
        row_prefix: str,
        validate: bool = True,  # noqa: FBT001, FBT002 - as in the library
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Parse a row as strictly as a form."""
        data, errors = await super()._parse_inline_row_fields(request, inline, form_data, row_prefix, validate=False)
        pk = form_data.get(f"{row_prefix}pk")
        rows = await inline.find_by_pks(request, [pk]) if pk else ()
        if not pk:  # new rows are displayed without defaults
            blank = [f for f in inline.get_fields_list(request) if not form_data.get(row_prefix + f.name)]
            data.update({f.name: field_default(f) for f in blank if data.get(f.name) is None})
        data = await detect_unchanged(request, inline, data, rows[0] if rows else None)
        data["_meta"] = {"repr": await inline.repr(rows[0], request)} if rows else None
        data["_version"] = form_data.get(f"{row_prefix}_version", "")
        if validate and not errors:
            try:
                await inline.validate_fields(request, data)
            except FormValidationError as error:
                errors = {str(name): message for name, message in error.errors.items()}
        return data, errors

    async def _save_inline_row(
        self,
        request: Request,
        inline: Any,  # noqa: ANN401 - as above
        row: dict[str, Any],
        parent: Any,  # noqa: ANN401
    ) -> tuple[str, Any]:
        """Check and save a row. Returns "unchanged" for rows that didn't change."""
        try:
            inline.check_row(row, parent)
            operation, saved = await super()._save_inline_row(request, inline, row, parent)
        except Exception as error:  # noqa: BLE001 - bugs are re-raised
            await inline.handle_exception(request, error)
        unchanged = operation == "edit" and row["data"]["_version"] == str(getattr(saved, "version", None))
        return "unchanged" if unchanged else operation, saved
