"""Display of records: titles, cell values and URLs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from fastapi import Request
from markupsafe import escape
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import QueryParams
from starlette_admin import RequestAction
from starlette_admin.actions import link_row_action
from starlette_admin.fields import BaseField, EnumField, RelationField
from starlette_admin.types import ListParams

from app.admin.base.changes import truncate
from app.admin.base.exports import ExportView
from app.admin.base.fields import TIME_TEMPLATE, in_utc
from app.admin.base.labels import choice_label
from app.admin.base.list_columns import default_columns
from app.admin.base.visibility import HIDDEN_LABEL, find_visible_ids
from app.admin.formatting import format_day, with_decimal_symbol
from app.admin.urls import detail_url, edit_url
from app.database.durations import format_duration
from app.database.keys import is_entered, key_of
from app.database.titles import model_name, title_or_key
from app.i18n import gettext


class DisplayView(ExportView):
    """The part of `ModelView` that displays rows."""

    title_field: str = ""
    """The field whose value names a row in headings, links and pickers. Defaults to the first text field."""
    date_field: ClassVar[str] = "created_at"
    """The column of the date range links above the list, which are shown if the list has it."""
    list_columns: ClassVar[Sequence[str]] = ()
    """The columns that a list shows first. Defaults to six, see `default_columns`."""

    async def find_all(self, request: Request, *args: Any, **kwargs: Any) -> Sequence[Any]:  # noqa: ANN401
        """Return a page of rows with what their display needs."""
        rows = await super().find_all(request, *args, **kwargs)
        await self.prefetch(request, request.state.session, rows)
        return rows

    async def find_by_pks(self, request: Request, pks: list[Any]) -> Sequence[Any]:
        """Return rows by ID with what their display needs."""
        rows: Sequence[Any] = await super().find_by_pks(request, pks)
        await self.prefetch(request, request.state.session, rows)
        return rows

    async def prefetch(self, request: Request, session: AsyncSession, rows: Sequence[Any]) -> None:
        """Load the IDs of referenced rows that the user may see. Forms don't need them."""
        visible: dict[str, set[Any]] = getattr(request.state, "visible_ids", {})
        shows_titles = self._shows_titles(request) or request.state.action == RequestAction.EXPORT
        for field in self.get_fields_list(request) if shows_titles else ():
            if isinstance(field, RelationField):
                found = (vars(row).get(field.name) for row in rows)
                ids = {key_of(row) for value in found if value for row in (value if field.multiple else [value])}
                foreign, known = self._find_foreign_view(field.key or ""), visible.setdefault(str(field.key), set())
                known.update(await find_visible_ids(request, session, foreign, ids - known))
        request.state.visible_ids = visible

    def _parse_list_params(self, request: Request, query_params: QueryParams | None = None) -> ListParams:
        """Show a few columns until others are selected. The library would show all of them."""
        found = super()._parse_list_params(request, query_params)
        if "cols" in (request.query_params if query_params is None else query_params):
            return found
        fields = self.get_fields_list(request)
        columns = self.list_columns or default_columns(fields, self.title_field, self.date_field)
        return replace(found, visible_cols=[*columns])

    def title_of(self, request: Request, row: Any) -> str:  # noqa: ANN401
        """Return the title of a row, or "" if it has none or the user may not see it."""
        is_number = self.title_field == self.pk_attr and not is_entered(self.model)
        hidden = is_number or not self.can_view_field(request, self.title_field)
        title = None if hidden else getattr(row, self.title_field)
        if isinstance(title, timedelta):
            return format_duration(title)
        return "" if title is None else (in_utc(title) if isinstance(title, datetime) else str(title)).strip()

    async def repr(self, obj: Any, request: Request) -> str:  # noqa: ANN401
        """Return the display name of a row."""
        label = gettext(model_name(type(obj)).capitalize())
        return truncate(title_or_key(self.title_of(request, obj), label, key_of(obj)))

    async def serialize_field_value(self, value: Any, field: BaseField, request: Request) -> Any:  # noqa: ANN401
        """Format times for forms (without a time zone) or for display (in UTC), and hide the titles of hidden rows.

        Datetimes stay as they are for the template that shows them.
        """
        if isinstance(value, datetime | time) and request.state.action.is_form():
            return value.replace(tzinfo=None).isoformat(timespec="seconds")
        has_formatter = request.state.action in (field.formatter or {})
        formatted = getattr(field, "output_format", "") is not None or has_formatter
        if isinstance(value, date | time) and not formatted and request.state.action != RequestAction.EXPORT:
            text = format_day(value) if type(value) is date else in_utc(value)
            return value if getattr(field, "list_template", "") == TIME_TEMPLATE else text
        is_shown = value is not None and not has_formatter and self._shows_titles(request)
        if is_shown and type(field) is EnumField:
            labels = [choice_label(field, request, choice) for choice in (value if field.multiple else [value])]
            return labels if field.multiple else labels[0]
        if not (value and isinstance(field, RelationField) and self._shows_titles(request)):
            serialized = await super().serialize_field_value(value, field, request)
            is_number = is_shown and isinstance(value, float | Decimal) and str(serialized) == str(value)
            return with_decimal_symbol(serialized) if is_number else serialized
        rows = value if field.multiple else [value]
        visible_ids = request.state.visible_ids[str(field.key)]
        hidden = [_hidden_row(row) for row in rows if key_of(row) not in visible_ids]
        if hidden and not field.multiple:
            return hidden[0]
        visible = [row for row in rows if key_of(row) in visible_ids] if hidden else value
        serialized = await super().serialize_field_value(visible, field, request)
        return [*serialized, *hidden] if hidden else serialized

    def _shows_titles(self, request: Request) -> bool:
        action = request.state.action
        return not action.is_form() and action not in {RequestAction.EXPORT, RequestAction.RELATION_LOOKUP}

    async def serialize(
        self,
        obj: Any,  # noqa: ANN401
        request: Request,
        include_relationships: bool = True,  # noqa: FBT001, FBT002 - as in the library
        include_select2: bool = False,  # noqa: FBT001, FBT002
    ) -> dict[str, Any]:
        """Serialize a row. Referenced rows only get their title; the library would serialize all their fields."""
        key = str(key_of(obj))
        meta: dict[str, Any] = {"key": key, "repr": await self.repr(obj, request)}
        if include_select2:
            selection, result = await self.select2_selection(obj, request), await self.select2_result(obj, request)
            meta["select2"] = {"selection": selection, "result": result}
        fields = self.get_fields_list(request) if include_relationships else []
        values = {
            field.name: await self.serialize_field_value(await field.parse_obj(request, obj), field, request)
            for field in fields
        }
        return {str(self.pk_attr): key, **values, "_meta": meta}

    @link_row_action("view", "View", icon_class="default_actions.view", exclude_from_detail=True)
    def row_action_1_view(self, request: Request, pk: str) -> str:
        """Return the URL of a row's page."""
        return detail_url(request, str(self.key), pk)

    @link_row_action("edit", "Edit", icon_class="default_actions.edit", action_btn_class="action.row_item_edit")
    def row_action_2_edit(self, request: Request, pk: str) -> str:
        """Return the URL of a row's form."""
        return edit_url(request, str(self.key), pk)

    async def select2_result(self, obj: Any, request: Request) -> str:  # noqa: ANN401
        """Return a picker entry as HTML. The library would show all fields."""
        return f"<span>{escape(await self.repr(obj, request))}</span>"


def _hidden_row(row: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"_meta": {"key": str(key_of(row)), "repr": gettext(HIDDEN_LABEL), "hidden": True}}
