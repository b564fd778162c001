"""The base of every admin view.

    class NoteView(ModelView):
        model = Note
        rules = NoteUpdate
        title_field = "title"
        fields = ("title", "owner", "created_at")

That is all that a view needs; the rest narrows what it shows. Each override says what it mends in the library.
"""

from collections.abc import Awaitable, Sequence
from copy import copy
from datetime import datetime
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from fastapi import Request
from markupsafe import escape
from sqlalchemy import ColumnElement, Enum, String, false, or_
from starlette.exceptions import HTTPException
from starlette_admin import RowActionsDisplayType, RowActionsPosition
from starlette_admin.export import CsvExporter
from starlette_admin.fields import BaseField, DateField, DateTimeField, TimeField
from starlette_admin.filters import FilterGroup, FilterRegistry

from app.accounts.models import User
from app.admin.fields import default_of, field_for
from app.admin.filters import Filters
from app.admin.panels import Panel
from app.admin.refusals import is_unreadable
from app.admin.saving import SavingView
from app.database import Owned

T = TypeVar("T")

KEPT_BY_THE_DATABASE = ("id", "version", "created_at", "updated_at")
TIME_FORMATS = {DateTimeField: "%Y-%m-%d %H:%M UTC", DateField: "%Y-%m-%d", TimeField: "%H:%M"}


class ModelView(SavingView):
    """A view on the rows of one model."""

    model: type[Any]
    title_field: ClassVar[str] = "created_at"
    """The field that names a row in sentences, links and pickers."""
    icon = "fa-solid fa-file-lines"
    fields: Sequence[Any] = ()  # the library's annotation leaves out the names that it documents
    delete_warning: ClassVar[str] = ""
    """What to think of before a row is deleted."""

    exclude_fields_from_list: Sequence[str] = ("id",)
    exclude_fields_from_create: Sequence[str] = KEPT_BY_THE_DATABASE
    exclude_fields_from_edit: Sequence[str] = KEPT_BY_THE_DATABASE
    fields_default_sort = (("id", True),)  # newest first
    page_size = 25
    page_size_options = (25, 50)  # to render 100 rows keeps everyone waiting for 0.2 s
    row_actions_display_type = RowActionsDisplayType.KEBAB
    row_actions_position = RowActionsPosition.AFTER_COLUMNS
    exporters = (CsvExporter(escape_formulas=True), "json")
    importers = ()

    def __init__(self) -> None:
        # Fields are changed as they are bound, and two apps may be built in one process.
        columns = self.model.__table__.c
        self.fields = [
            field_for(columns[f], self.rules) if isinstance(f, str) and f in columns else copy(f)
            for f in type(self).fields
        ]
        # The library knows no plurals; tables are named by them.
        plural = str(self.model.__tablename__).replace("_", " ").capitalize()
        super().__init__(self.model, menu_label=self.menu_label or plural)
        # Forms on the list repeat the order that it has, and to name a hidden field is refused.
        self.sortable_fields = [
            name for name in self.sortable_fields or () if name not in self.exclude_fields_from_list
        ]
        for actions in (self._actions, self._row_actions) if self.delete_warning else ():
            actions["delete"] = {**actions["delete"], "confirmation": self.delete_warning}
        for field in self._all_fields:
            if field.default is None and field.name in columns:
                field.default = default_of(columns[field.name])
            if isinstance(field, DateTimeField) and field.output_format is None:
                field.output_format = TIME_FORMATS.get(type(field))

    async def panels(self, request: Request) -> Sequence[Panel]:  # noqa: ARG002
        """Return what the first page of the admin shows of this, to those who may see it: see app/admin/panels.py."""
        return []

    async def repr(self, obj: Any, request: Request) -> str:  # noqa: ANN401, ARG002
        """Name a row; the library would say "Note(0193…)"."""
        title = getattr(obj, self.title_field)
        return f"{title:%Y-%m-%d %H:%M} UTC" if isinstance(title, datetime) else str(title)

    async def serialize_field_value(self, value: Any, field: BaseField, request: Request) -> Any:  # noqa: ANN401
        """Write a time for a form as browsers read it; with the zone that the library adds, they show nothing."""
        if isinstance(value, datetime) and request.state.action.is_form():
            return f"{value:%Y-%m-%dT%H:%M:%S}"
        return await super().serialize_field_value(value, field, request)

    async def select2_result(self, obj: Any, request: Request) -> str:  # noqa: ANN401
        """Show a row in a picker, as HTML; the library would show all its fields."""
        return f"<span>{escape(await self.repr(obj, request))}</span>"

    # Reading: an address that makes no sense is not found, or a bad request, and never a bug.

    async def find_by_pk(self, request: Request, pk: Any) -> Any:  # noqa: ANN401
        """Return a row.

        The first that a request asks for is the one that it edits: its version is remembered for the form, for a
        refused save expires the row before the form is drawn.
        """
        found = await self.find_by_pks(request, [pk])
        if found and not hasattr(request.state, "row_version"):
            request.state.row_version = getattr(found[0], "version", None)
        return found[0] if found else None

    async def find_by_pks(self, request: Request, pks: list[Any]) -> Sequence[Any]:
        """Return the rows with these keys; no row has a malformed one."""
        try:
            keys = [str(UUID(pk)) for pk in pks]
        except ValueError:
            return []
        return await super().find_by_pks(request, keys)

    async def find_all(
        self,
        request: Request,
        skip: int = 0,
        limit: int = 100,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Sequence[Any]:
        """Return a page of rows: none behind the largest number of a database, and never all of them to a picker."""
        if limit == 0:
            return []
        return await _readable(super().find_all(request, min(skip, 2**31), limit, *args, **kwargs))

    async def count(self, request: Request, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401
        """Count the rows."""
        return await _readable(super().count(request, *args, **kwargs))

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """Search in what is text, and in the addresses of owners.

        The library would cast the rest to text, and take % and _ for wildcards.
        """
        columns = [
            getattr(self.model, f.name)
            for f in self.get_fields_list(request)
            if f.searchable and f.name in self._columns
        ]
        texts = [c for c in columns if isinstance(c.type, String) and not isinstance(c.type, Enum)]
        found = or_(false(), *(column.icontains(term, autoescape=True) for column in texts))
        if issubclass(self.model, Owned):
            found |= self.model.owner.has(User.email.icontains(term, autoescape=True))
        return found

    def get_filter_registry(self) -> FilterRegistry:
        """Offer filters that know that times are in UTC."""
        return Filters()

    def _parse_filter_param(self, request: Request, query_params: Any = None) -> FilterGroup:  # noqa: ANN401
        """Refuse a filter so deep that parsing it, which is recursive, would fail."""
        if ((query_params or request.query_params).get("filter") or "").count("(") > 20:  # noqa: PLR2004
            raise HTTPException(400, "This filter is too deep.")
        return super()._parse_filter_param(request, query_params)


async def _readable(query: Awaitable[T]) -> T:
    try:
        return await query
    except Exception as error:
        if is_unreadable(error):
            raise HTTPException(400, "The filter has a value that cannot be compared.") from error
        raise
