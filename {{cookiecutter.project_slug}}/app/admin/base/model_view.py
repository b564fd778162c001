"""The base of every admin view.

    class NoteView(ModelView):
        model = Note
        schema = NoteUpdate
        title_field = "title"
        fields = ("title", "owner", "created_at")

That is all that a view needs; the rest narrows what it shows. Each override says what it mends in the library.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any, ClassVar
from uuid import UUID

from fastapi import Request
from sqlalchemy import JSON, ColumnElement, Enum, String, false, or_
from starlette.exceptions import HTTPException
from starlette_admin import RequestAction, RowActionsDisplayType, RowActionsPosition
from starlette_admin.fields import EnumField, RelationField
from starlette_admin.filters import FilterGroup, FilterRegistry
from starlette_admin.filters.base import BaseFilter

from app.admin.base.dashboard import Panel
from app.admin.base.display import DisplayView
from app.admin.base.error_messages import run_query
from app.admin.base.fields import column_default, default_title_field, enum_choices, field_for
from app.admin.base.filters import AdminFilterRegistry, load_filter_labels, rejoin_values
from app.admin.base.form_parsing import parse_strictly
from app.admin.base.help_texts import help_text_for
from app.admin.base.saving import READONLY_FIELDS
from app.admin.files.xlsx import XlsxExporter
from app.database.search import contains


class ModelView(DisplayView):
    """A view on the rows of one model."""

    model: type[Any]
    date_field: ClassVar[str] = "created_at"
    """The moment by which the list is narrowed with links, when it is shown there."""
    icon = "fa-solid fa-file-lines"
    fields: Sequence[Any] = ()  # the library's annotation leaves out the names that it documents
    delete_warning: ClassVar[str] = ""
    """What to think of before a row is deleted."""

    exclude_fields_from_list: Sequence[str] = ("id",)
    exclude_fields_from_create: Sequence[str] = READONLY_FIELDS
    exclude_fields_from_edit: Sequence[str] = READONLY_FIELDS
    fields_default_sort = (("id", True),)  # newest first
    page_size = 25
    page_size_options = (25, 50)  # to render 100 rows keeps everyone waiting for 0.2 s
    row_actions_display_type = RowActionsDisplayType.KEBAB
    row_actions_position = RowActionsPosition.AFTER_COLUMNS
    exporters = (*DisplayView.exporters, XlsxExporter())
    importers: Sequence[Any] = ()  # "csv"

    def __init__(self) -> None:
        # Fields are changed as they are bound, and two apps may be built in one process.
        columns = self.model.__table__.c
        shown = {name: columns[name] for name in type(self).fields if isinstance(name, str) and name in columns}
        self.title_field = self.title_field or default_title_field(shown)
        self.fields = [
            field_for(columns[f], self.schema) if isinstance(f, str) and f in columns else copy(f)
            for f in type(self).fields
        ]
        # What no form has is in no file.
        self.exclude_fields_from_import = (*self.exclude_fields_from_import, *self.exclude_fields_from_create)
        # The library knows no plurals; tables are named by them.
        plural = str(self.model.__tablename__).replace("_", " ").capitalize()
        if self.sortable_fields is None:
            self.sortable_fields = self.default_sortable_fields()
        super().__init__(self.model, menu_label=self.menu_label or plural)
        # Forms on the list repeat the order that it has, and to name a hidden field is refused.
        listed = {field.name for field in self._all_fields if not field.exclude_from_list}
        self.sortable_fields = [name for name in self.sortable_fields if name in listed]
        for actions in (self._actions, self._row_actions) if self.delete_warning else ():
            actions["delete"] = {**actions["delete"], "confirmation": self.delete_warning}
        for field in self._all_fields:
            parse_strictly(field)
            if field.default is None and field.name in columns:
                field.default = column_default(columns[field.name])
            if field.name in columns and isinstance(columns[field.name].type, JSON):
                field.orderable = False  # PostgreSQL knows no order of it
            field.help_text = field.help_text or help_text_for(self.model, field.name, self.schema)
            if isinstance(field, EnumField) and field.enum:
                field.choices = enum_choices(field.enum)
            if isinstance(field, RelationField):
                field.searchable = True  # the library takes it for "can be filtered"

    async def panels(self, request: Request) -> Sequence[Panel]:  # noqa: ARG002
        """Return figures and charts for the dashboard, for users who may see the view: see dashboard.py."""
        return []

    def can_import(self, request: Request) -> bool:
        """Let those make many who may make one; the view offers it when it names `importers`."""
        return bool(self.importers) and self.can_create(request) and super().can_import(request)

    def link_relations(self, views: Sequence["ModelView"]) -> None:
        """Link each relation to a view of its model; the library knows only keys that are made of a model's name."""
        relations = self.model.__mapper__.relationships
        for field in self._all_fields:
            if isinstance(field, RelationField) and field.name in relations:
                keys = [view.key for view in views if view.model is relations[field.name].mapper.class_]
                field.key = field.key if field.key in keys else next(iter(keys), field.key)
        for inline in self._inline_instances:
            if isinstance(inline, ModelView):
                inline.link_relations(views)

    # Reading: an address that makes no sense is not found, or a bad request, and never a bug.

    async def find_by_pk(self, request: Request, pk: Any) -> Any:  # noqa: ANN401
        """Return a row.

        The first that a request asks for is the one that it edits: its version is remembered for the form, for a
        refused save expires the row before the form is drawn.
        """
        found = await self.find_by_pks(request, [pk])
        self.require_change_permission(request, pk, found)
        if found and not hasattr(request.state, "row_version"):
            request.state.row_version = getattr(found[0], "version", None)
        return found[0] if found else None

    async def find_by_pks(self, request: Request, pks: list[Any]) -> Sequence[Any]:
        """Return the rows with these keys; no row has a malformed one."""
        try:
            keys = [str(UUID(str(pk))) for pk in pks]
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
        if filters := kwargs.get("filters"):
            await load_filter_labels(request, self, filters)
        return await run_query(super().find_all(request, min(skip, 2**31), limit, *args, **kwargs))

    async def count(self, request: Request, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401
        """Count the rows."""
        return await run_query(super().count(request, *args, **kwargs))

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """Search in what a list shows of text.

        The library would cast the rest to text, and take % and _ for wildcards.
        """
        columns = [
            getattr(self.model, f.name)
            for f in self.get_fields_list(request, action=RequestAction.LIST)
            if f.searchable and f.name in self._columns
        ]
        texts = [c for c in columns if isinstance(c.type, String) and not isinstance(c.type, Enum)]
        return or_(false(), *(contains(column, term) for column in texts))

    def get_filter_registry(self) -> FilterRegistry:
        """Offer filters that know that times are in UTC."""
        return AdminFilterRegistry()

    def _parse_filter_string(self, raw: str) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Read a filter; what its fields are decides what a comma means."""
        fields, registry = {field.name: field for field in self._all_fields}, self.get_filter_registry()

        def find(name: str, kind: str) -> type[BaseFilter] | None:
            return registry.get_filter(fields[name], kind) if name in fields else None

        return rejoin_values(super()._parse_filter_string(raw), find)

    def _parse_filter_param(self, request: Request, query_params: Any = None) -> FilterGroup:  # noqa: ANN401
        """Refuse a filter so deep that parsing it, which is recursive, would fail."""
        if ((query_params or request.query_params).get("filter") or "").count("(") > 20:  # noqa: PLR2004
            raise HTTPException(400, "The filter is nested too deeply.")
        return super()._parse_filter_param(request, query_params)
