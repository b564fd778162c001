"""Inline forms: edit child records in the parent's form.

    class CopyInline(InlineView):
        model = Copy
        fields = ("shelf", "lent")

    class BookView(ModelView):
        model = Book
        fields = ("title", "author")
        inlines = (CopyInline,)

Who may edit the book may edit its copies. What stands here is what the library leaves out: it would save rows of
other books, delete where it may not, and store what cannot be read as nothing.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from starlette.datastructures import FormData
from starlette_admin.base import BaseAdmin
from starlette_admin.contrib.sqla.view import InlineModelView
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import RelationField

from app.admin.base.changed_data import detect_unchanged
from app.admin.base.error_messages import EDIT_CONFLICT
from app.admin.base.fields import field_default
from app.admin.base.model_view import ModelView

_Library: Any = InlineModelView  # its `model` is a ClassVar and ours is none: mypy would refuse every view
_MOST = 50  # a form has at most 1,000 fields
_GONE = "This record was deleted or belongs to another one."


class InlineView(_Library, ModelView):  # type: ignore[misc]
    """The rows of one model that refer to the row in the form: the first fifty."""

    fields: Sequence[Any] = ()
    fk_attr: str = ""
    """The column that refers to it, where there are several."""

    def __init__(self, parent_view: Any = None) -> None:  # noqa: ANN401 - as the library has it
        self.parent_view = parent_view
        ModelView.__init__(self)

    def _get_fk_attr(self) -> str:
        """Return the column that refers to the parent; the library wants a relationship too."""
        parent: Any = self.parent_view
        table = parent.model.__table__
        return self.fk_attr or next(c.key for c in self.model.__table__.c if c.references(table.c.id))

    async def find_by_parent(self, request: Request, parent: Any) -> Sequence[Any]:  # noqa: ANN401
        """Return the rows of a parent, oldest first."""
        relations = [f.name for f in self.get_fields_list(request) if isinstance(f, RelationField)]
        query: Any = select(self.model).where(getattr(self.model, self._get_fk_attr()) == parent.id)
        query = self.visible_rows(request, query.options(*(joinedload(getattr(self.model, n)) for n in relations)))
        rows = (await request.state.session.scalars(query.order_by(self.model.id).limit(_MOST))).unique().all()
        await self.prefetch(request, request.state.session, rows)
        return list(rows)

    async def serialize(self, obj: Any, request: Request, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        """Add the version that the form counts from."""
        shown = await super().serialize(obj, request, *args, **kwargs)
        return {**shown, "_version": getattr(obj, "version", None)}

    def check_row(self, row: Mapping[str, Any], parent: Any) -> None:  # noqa: ANN401
        """Refuse a row of another parent, one that was changed meanwhile, and a deletion that is not offered."""
        if not row["pk"]:
            return
        found = row["data"].row
        if found is None or getattr(found, self._get_fk_attr()) != parent.id:
            raise FormValidationError({"": _GONE})
        if row["delete"] and not self.allow_delete:
            raise FormValidationError({"": "This record can't be deleted here."})
        if row["data"]["_version"] != str(getattr(found, "version", None)):
            raise FormValidationError({"": EDIT_CONFLICT})


class InlineSiteMixin(BaseAdmin):
    """The part of the site that saves them; the library asks none of this."""

    def _inline_indices(self, form_data: FormData, prefix: str) -> list[int]:
        """Return the numbers of the rows; the library fails at digits that are no number, or too many."""
        numbered = re.compile(rf"{re.escape(prefix)}\.[0-9]{{1,9}}\.")
        return super()._inline_indices(FormData([(n, "") for n in form_data if numbered.match(n)]), prefix)

    async def _parse_inline_row_fields(
        self,
        request: Request,
        inline: Any,  # noqa: ANN401 - an InlineView; the library has a wider type
        form_data: FormData,
        row_prefix: str,
        validate: bool = True,  # noqa: FBT001, FBT002 - as the library has it
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Read a row as strictly as a form."""
        data, errors = await super()._parse_inline_row_fields(request, inline, form_data, row_prefix, validate=False)
        pk = form_data.get(f"{row_prefix}pk")
        rows = await inline.find_by_pks(request, [pk]) if pk else ()
        if not pk:  # an added row is shown without its defaults
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
        """Save a row that may be saved, and say nothing of one that stayed as it was."""
        try:
            inline.check_row(row, parent)
            done, saved = await super()._save_inline_row(request, inline, row, parent)
        except Exception as error:  # noqa: BLE001 - what is not a refusal is raised again
            await inline.handle_exception(request, error)
        unchanged = done == "edit" and row["data"]["_version"] == str(getattr(saved, "version", None))
        return "unchanged" if unchanged else done, saved
