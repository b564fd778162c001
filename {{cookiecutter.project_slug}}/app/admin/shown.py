"""How the admin shows a row: what names it, what stands in its cells, and the addresses of its pages."""

from datetime import datetime
from typing import Any, ClassVar

from fastapi import Request
from markupsafe import escape
from starlette_admin.actions import link_row_action
from starlette_admin.fields import BaseField

from app.admin.addresses import detail_url, edit_url
from app.admin.exports import ExportingView


class ShowingView(ExportingView):
    """What `ModelView` does to show a row."""

    title_field: ClassVar[str] = "created_at"
    """The field that names a row in sentences, links and pickers."""

    async def repr(self, obj: Any, request: Request) -> str:  # noqa: ANN401
        """Name a row, by its key to who may not see its title; the library would say "Note(0193…)"."""
        title = getattr(obj, self.title_field if self.may_see_field(request, self.title_field) else "id")
        return f"{title:%Y-%m-%d %H:%M} UTC" if isinstance(title, datetime) else str(title)

    async def serialize_field_value(self, value: Any, field: BaseField, request: Request) -> Any:  # noqa: ANN401
        """Write a time for a form as browsers read it; with the zone that the library adds, they show nothing."""
        if isinstance(value, datetime) and request.state.action.is_form():
            return f"{value:%Y-%m-%dT%H:%M:%S}"
        return await super().serialize_field_value(value, field, request)

    async def serialize(
        self,
        obj: Any,  # noqa: ANN401
        request: Request,
        include_relationships: bool = True,  # noqa: FBT001, FBT002 - as the library has it
        include_select2: bool = False,  # noqa: FBT001, FBT002
    ) -> dict[str, Any]:
        """Return what is shown of a row; of one that another refers to, its name, where the library has all fields."""
        meta: dict[str, Any] = {"repr": await self.repr(obj, request)}
        if include_select2:
            selection, result = await self.select2_selection(obj, request), await self.select2_result(obj, request)
            meta["select2"] = {"selection": selection, "result": result}
        fields = self.get_fields_list(request) if include_relationships else []
        values = {
            field.name: await self.serialize_field_value(await field.parse_obj(request, obj), field, request)
            for field in fields
        }
        return {"id": str(obj.id), **values, "_meta": meta}

    @link_row_action("view", "View", icon_class="default_actions.view", exclude_from_detail=True)
    def row_action_1_view(self, request: Request, pk: str) -> str:
        """Lead to the page of a row."""
        return detail_url(request, str(self.key), pk)

    @link_row_action("edit", "Edit", icon_class="default_actions.edit", action_btn_class="action.row_item_edit")
    def row_action_2_edit(self, request: Request, pk: str) -> str:
        """Lead to the form of a row."""
        return edit_url(request, str(self.key), pk)

    async def select2_result(self, obj: Any, request: Request) -> str:  # noqa: ANN401
        """Show a row in a picker, as HTML; the library would show all its fields."""
        return f"<span>{escape(await self.repr(obj, request))}</span>"
