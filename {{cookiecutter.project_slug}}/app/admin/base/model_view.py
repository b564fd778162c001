"""Base class of all admin views.

    class NoteView(ModelView):
        model = Note
        schema = NoteUpdate
        title_field = "title"
        fields = ("title", "owner", "created_at")

These are all the attributes a view needs. The docstring of an override says what it fixes in the library.
"""

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any, ClassVar

from fastapi import Request
from sqlalchemy import JSON, ColumnElement, Enum, String, false, or_
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette_admin import RequestAction, RowActionsDisplayType, RowActionsPosition
from starlette_admin.fields import EnumField, RelationField
from starlette_admin.filters import FilterGroup, FilterRegistry
from starlette_admin.filters.base import BaseFilter

from app.accounts.models import User
from app.admin.base.dashboard import Panel
from app.admin.base.display import DisplayView
from app.admin.base.error_messages import run_query
from app.admin.base.fields import default_title_field, enum_choices, field_for
from app.admin.base.filters import FILTER_REGISTRY, load_filter_labels, rejoin_values
from app.admin.base.form_fields import complete_field
from app.admin.base.form_parsing import parse_strictly
from app.admin.base.menu import CONTENT, icon_for
from app.admin.base.saving import READONLY_FIELDS
from app.admin.files.xlsx import XlsxExporter
from app.database.keys import is_entered, key_name
from app.database.search import contains
from app.i18n import gettext


class ModelView(DisplayView):
    """Admin view of a model."""

    model: type[Any]
    icon: str = ""
    """A Font Awesome icon. By default guessed from the name of the model, see `app/admin/base/menu.py`."""
    section: ClassVar[str] = CONTENT
    """The section of the menu."""
    fields: Sequence[Any] = ()  # the library's annotation doesn't allow names
    delete_warning: ClassVar[str] = "This can't be undone."
    """Confirmation text for deletions, below the name of the record."""

    readonly_fields: ClassVar[Sequence[str]] = ()
    """Fields that the server sets: they are shown, but in no form and no import."""
    exclude_fields_from_list: Sequence[str] = ("id",)
    exclude_fields_from_create: Sequence[str] = READONLY_FIELDS
    exclude_fields_from_edit: Sequence[str] = READONLY_FIELDS
    fields_default_sort: Any = None  # the primary key: newest first, or in its order if people enter it
    page_size = 25
    page_size_options = (25, 50)  # rendering 100 rows would block other requests for 0.2 s
    row_actions_display_type = RowActionsDisplayType.KEBAB
    row_actions_position = RowActionsPosition.AFTER_COLUMNS
    exporters = (*DisplayView.exporters, XlsxExporter())
    importers: Sequence[Any] = ()  # "csv"

    def __init__(self) -> None:
        # The library modifies fields, and a process may have several apps, so copy them.
        columns = self.model.__table__.c
        named = {name: columns[name] for name in type(self).fields if isinstance(name, str) and name in columns}
        self.icon = self.icon or icon_for(self.model.__name__)
        key = key_name(self.model)
        self.title_field = self.title_field or default_title_field(named, key)
        self.user_columns = self.user_columns or [c.key for c in columns if c.references(User.__table__.c.id)]
        self.fields = [
            field_for(columns[f], self.schema) if isinstance(f, str) and f in columns else copy(f)
            for f in type(self).fields
        ]
        self.exclude_fields_from_create = (*self.exclude_fields_from_create, *self.readonly_fields)
        self.exclude_fields_from_edit = (*self.exclude_fields_from_edit, *self.readonly_fields)
        self.fields_default_sort = self.fields_default_sort or ((key, not is_entered(self.model)),)
        if is_entered(self.model):
            self._enter_key(key)
        # Fields that are in no form can't be imported.
        self.exclude_fields_from_import = (*self.exclude_fields_from_import, *self.exclude_fields_from_create)
        # The library has no plurals, but table names are plural.
        plural = str(self.model.__tablename__).replace("_", " ").capitalize()
        if self.sortable_fields is None:
            self.sortable_fields = self.default_sortable_fields()
        super().__init__(self.model, menu_label=self.menu_label or plural)
        # Lists reject sorting by a hidden field.
        listed = {field.name for field in self._all_fields if not field.exclude_from_list}
        self.sortable_fields = [name for name in self.sortable_fields if name in listed]
        for actions in (self._actions, self._row_actions):
            actions["delete"] = {**actions["delete"], "confirmation": self.delete_warning}
        self.actions, self.row_actions = _in_order(self.actions or ()), _in_order(self.row_actions or ())
        for field in self._all_fields:
            parse_strictly(field)
            if field.name in columns and isinstance(columns[field.name].type, JSON):
                field.orderable = False  # PostgreSQL can't sort by it
            complete_field(field, columns.get(field.name), self.model, self.schema)
            if isinstance(field, EnumField) and field.enum:
                field.choices = enum_choices(field.enum)
            if isinstance(field, RelationField):
                field.searchable = True  # in the library, this enables filters

    def _enter_key(self, key: str) -> None:
        """Let people enter the primary key of a new row. Other rows may refer to it, so that it can't be changed."""
        self.show_pk_in_forms = True
        if key in READONLY_FIELDS:
            self.exclude_fields_from_create = [name for name in self.exclude_fields_from_create if name != key]
        self.exclude_fields_from_edit = (*self.exclude_fields_from_edit, key)

    def get_routes(self) -> Sequence[Route]:
        """Return routes that the view adds to the admin."""
        return []

    async def panels(self, request: Request) -> Sequence[Panel]:  # noqa: ARG002
        """Return metrics and charts for the dashboard, shown to users with access to the view."""
        return []

    def can_import(self, request: Request) -> bool:
        """Allow imports to users who can create rows, if the view has `importers`."""
        return bool(self.importers) and self.can_create(request) and super().can_import(request)

    def add_inlines(self, inlines: Iterable[type[Any]]) -> None:
        """Add the inlines of other features to the form."""
        self._inline_instances += [inline(parent_view=self) for inline in inlines]

    def link_relations(self, views: Sequence["ModelView"]) -> None:
        """Link each relation to a view of its model. The library only finds views with default keys."""
        relations = self.model.__mapper__.relationships
        for field in self._all_fields:
            if isinstance(field, RelationField) and field.name in relations:
                keys = [view.key for view in views if view.model is relations[field.name].mapper.class_]
                field.key = field.key if field.key in keys else next(iter(keys), field.key)
        for inline in self._inline_instances:
            if isinstance(inline, ModelView):
                inline.link_relations(views)

    # Invalid URLs return 404 or 400, never 500.

    async def find_by_pk(self, request: Request, pk: Any) -> Any:  # noqa: ANN401
        """Return a row, or None.

        The first row of a request is the edited one. Its version is stored for the form, because a failed save expires
        the row before the form is rendered.
        """
        found = await self.find_by_pks(request, [pk])
        self.require_change_permission(request, pk, found)
        if found and not hasattr(request.state, "row_version"):
            request.state.row_version = getattr(found[0], "version", None)
        return found[0] if found else None

    async def find_all(
        self,
        request: Request,
        skip: int = 0,
        limit: int = 100,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Sequence[Any]:
        """Return a page of rows. A limit of 0, by which pickers would get all rows, returns none."""
        if limit == 0:
            return []
        if filters := kwargs.get("filters"):
            await load_filter_labels(request, self, filters)
        return await run_query(super().find_all(request, min(skip, 2**31), limit, *args, **kwargs))

    async def count(self, request: Request, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401
        """Count the rows."""
        return await run_query(super().count(request, *args, **kwargs))

    def get_search_query(self, request: Request, term: str) -> ColumnElement[bool]:
        """Search the text columns of the list.

        The library would cast all columns to text and treat % and _ as wildcards.
        """
        columns = [
            getattr(self.model, f.name)
            for f in self.get_fields_list(request, action=RequestAction.LIST)
            if f.searchable and f.name in self._columns
        ]
        texts = [c for c in columns if isinstance(c.type, String) and not isinstance(c.type, Enum)]
        return or_(false(), *(contains(column, term) for column in texts))

    def get_filter_registry(self) -> FilterRegistry:
        """Return the registry with our filters."""
        return FILTER_REGISTRY

    def _parse_filter_string(self, raw: str) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Parse a filter, and rejoin text with commas that the library has split."""
        fields, registry = {field.name: field for field in self._all_fields}, self.get_filter_registry()

        def find(field: str, name: str) -> type[BaseFilter] | None:
            return registry.get_filter(fields[field], name) if field in fields else None

        return rejoin_values(super()._parse_filter_string(raw), find)

    def _parse_filter_param(self, request: Request, query_params: Any = None) -> FilterGroup:  # noqa: ANN401
        """Reject filters that are nested too deeply for the recursive parser."""
        if ((query_params or request.query_params).get("filter") or "").count("(") > 20:  # noqa: PLR2004
            raise HTTPException(400, gettext("The filter is nested too deeply."))
        try:
            return super()._parse_filter_param(request, query_params)
        except HTTPException as error:
            reason = str(error.detail).removeprefix("Invalid 'filter' parameter: ")
            message = gettext("Invalid 'filter' parameter: %(reason)s", reason=reason)
            raise HTTPException(error.status_code, message) from error


def _in_order(actions: Sequence[str]) -> list[str]:
    """Return the names of actions: viewing and editing first, deletion last. The library sorts the names of methods."""
    places = {"view": 0, "edit": 1, "delete": 3}
    return sorted(actions, key=lambda name: places.get(name, 2))
