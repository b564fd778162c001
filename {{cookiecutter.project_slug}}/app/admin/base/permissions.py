"""Permissions of admin views, actions, fields and rows.

    class BookView(ModelView):
        model = Book
        see_permission = Permission.BOOKS_READ
        change_permission = Permission.BOOKS_WRITE
        action_permissions: ClassVar = {"delete": Permission.BOOKS_DELETE, "publish": Permission.BOOKS_PUBLISH}
        field_permissions: ClassVar = {"price": Permission.PRICES_READ}

        def visible_rows(self, request, rows):
            return rows.where(Book.is_draft.is_(False))

A view that says nothing is for everyone who may enter the admin. What the visitor may do is read at each request.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from fastapi import Request
from sqlalchemy import Select
from starlette.exceptions import HTTPException
from starlette_admin import RequestAction
from starlette_admin.actions import ActionSelection
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.fields import BaseField, RelationField

from app.accounts.permissions import Permission
from app.admin.auth import get_visitor
from app.admin.base.audited_view import AuditedView
from app.database.base import Owned


def has_permission(request: Request, permission: Permission) -> bool:
    """Return whether the visitor has a permission."""
    return get_visitor(request).has_permission(permission)


def never(self: "GuardedView", request: Request) -> bool:  # noqa: ARG001
    """Deny to everyone: `can_create = never`."""
    return False


class GuardedView(AuditedView):
    """What `ModelView` asks before it shows or does something. Each method may be overridden to ask for more."""

    view_permission: ClassVar[Permission] = Permission.ADMIN_ACCESS
    """What is needed to see the rows."""
    change_permission: ClassVar[Permission | None] = None
    """What else is needed to change them, and for the view's own actions."""
    action_permissions: ClassVar[Mapping[str, Permission]] = {}
    """What is needed instead for one of `view`, `create`, `edit`, `delete`, `export`, `import`, or for an action."""
    field_permissions: ClassVar[Mapping[str, Permission]] = {}
    """What is needed to see, and to change, a field."""

    def has_action_permission(self, request: Request, action: str) -> bool:
        """Return whether the visitor may do this with any row."""
        usual = self.view_permission if action in {"view", "export"} else self.change_permission
        return has_permission(request, self.action_permissions.get(action) or usual or self.view_permission)

    def can_view_field(self, request: Request, name: str) -> bool:
        """Return whether the visitor may see a field."""
        needed = self.field_permissions.get(name)
        return needed is None or has_permission(request, needed)

    def visible_rows(self, request: Request, rows: Select[Any]) -> Select[Any]:  # noqa: ARG002
        """Narrow a query to what the visitor may see; other rows are not found, whatever is tried with them."""
        return rows

    def can_change_row(self, request: Request, row: Any) -> bool:  # noqa: ANN401, ARG002
        """Return whether the visitor may change, delete or act on a row that they see."""
        return True

    # What the library asks.

    def is_accessible(self, request: Request) -> bool:
        """Return whether the view is there for the visitor."""
        return has_permission(request, self.view_permission)

    def can_view_detail(self, request: Request) -> bool:
        """Return whether a row's page is shown."""
        return self.has_action_permission(request, "view")

    def can_create(self, request: Request) -> bool:
        """Return whether rows can be made."""
        return self.has_action_permission(request, "create")

    def can_edit(self, request: Request) -> bool:
        """Return whether rows can be changed."""
        return self.has_action_permission(request, "edit")

    def can_delete(self, request: Request) -> bool:
        """Return whether rows can be deleted."""
        return self.has_action_permission(request, "delete")

    def can_export(self, request: Request) -> bool:
        """Return whether rows can be downloaded."""
        return self.has_action_permission(request, "export")

    def can_import(self, request: Request) -> bool:
        """Return whether rows can be uploaded."""
        return self.has_action_permission(request, "import")

    async def is_action_allowed(self, request: Request, name: str) -> bool:
        """Return whether an action on chosen rows is offered."""
        return self.has_action_permission(request, name) and await super().is_action_allowed(request, name)

    async def is_row_action_allowed(self, request: Request, name: str) -> bool:
        """Return whether an action of single rows is offered."""
        return self.has_action_permission(request, name) and await super().is_row_action_allowed(request, name)

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:  # noqa: ANN401
        """Return whether an action is offered for this row."""
        allowed = name == "view" or self.can_change_row(request, obj)
        return allowed and await super().is_row_action_allowed_for_obj(request, name, obj)

    async def handle_action(self, request: Request, selection: ActionSelection, name: str) -> Any:  # noqa: ANN401
        """Run an action, if all the chosen rows may be changed; the library asks only for single ones."""
        if name != "export" and await self.is_action_allowed(request, name):
            await selection.count()  # of what was chosen: rows that are gone by now are no reason to refuse
            if not all(self.can_change_row(request, row) for row in await selection.rows()):
                raise ActionFailed("Forbidden")
        return await super().handle_action(request, selection, name)

    def can_access_field(self, request: Request, field: BaseField, action: RequestAction | None = None) -> bool:
        """Hide a field from lists, pages, forms, exports, search, filters and sorting; what is sent for it is ignored.

        Who may not see a view sees no reference to its rows either: it would tell their titles, such as addresses.
        """
        top = field._name.partition(".")[0]  # noqa: SLF001 - the path of a field inside another
        if not self.can_view_field(request, top):
            return False
        if isinstance(field, RelationField) and not self._find_foreign_view(field.key or "").is_accessible(request):
            return False
        return super().can_access_field(request, field, action)

    def get_list_query(self, request: Request) -> Select[Any]:
        """Select the rows, for every page, count and action."""
        return self.visible_rows(request, super().get_list_query(request))

    def require_change_permission(self, request: Request, pk: Any, found: Sequence[Any]) -> None:  # noqa: ANN401
        """Refuse the form of a row that may not be changed; other rows are only looked up for it."""
        address = request.path_params.get("key"), request.query_params.get("pk")
        is_its_form = request.state.action.is_form() and address == (self.key, str(pk))
        if is_its_form and not all(self.can_change_row(request, row) for row in found):
            raise HTTPException(403)

    async def before_create(self, request: Request, data: dict[str, Any], obj: Any) -> None:  # noqa: ANN401
        """Let what has an owner belong to who makes it, when they cannot choose one."""
        if isinstance(obj, Owned) and "owner" not in data:
            obj.owner_id = get_visitor(request).user_id
        await super().before_create(request, data, obj)

    async def after_create(self, request: Request, obj: Any) -> None:  # noqa: ANN401
        """Refuse to put a row where the visitor would not see it."""
        visible = getattr(request.state, "visible_after_save", ())
        if obj.id not in visible and not await self.find_by_pks(request, [str(obj.id)]):
            raise FormValidationError({"": "You wouldn't have access to the record after this change."})

    async def after_edit(self, request: Request, obj: Any) -> None:  # noqa: ANN401
        """Refuse to move a row there, too."""
        await GuardedView.after_create(self, request, obj)
