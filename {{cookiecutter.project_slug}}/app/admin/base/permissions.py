"""Permissions of admin views, actions, fields and rows.

    class BookView(ModelView):
        model = Book
        view_permission = Permission.BOOKS_READ
        change_permission = Permission.BOOKS_WRITE
        action_permissions: ClassVar = {"delete": Permission.BOOKS_DELETE, "publish": Permission.BOOKS_PUBLISH}
        field_permissions: ClassVar = {"price": Permission.PRICES_READ}

        def visible_rows(self, request, rows):
            return rows.where(Book.is_draft.is_(False))

Without these, a view is open to everyone who may enter the admin. Permissions are loaded on each request.
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

from app.accounts.permissions import BasePermission, Permission
from app.admin.auth import get_visitor
from app.admin.base.audited_view import AuditedView
from app.database.base import Owned
from app.database.keys import key_of
from app.i18n import gettext

_LISTED = "admin_listed_fields"  # key in the request's scope


def has_permission(request: Request, permission: BasePermission) -> bool:
    """Return whether the user has a permission."""
    return get_visitor(request).has_permission(permission)


def never(self: "GuardedView", request: Request) -> bool:  # noqa: ARG001
    """Deny everyone: `can_create = never`."""
    return False


class GuardedView(AuditedView):
    """The part of `ModelView` that checks permissions. Override its methods for more checks."""

    view_permission: ClassVar[BasePermission] = Permission.ADMIN_ACCESS
    """Required to see rows."""
    change_permission: ClassVar[BasePermission | None] = None
    """Also required to change rows and to run actions."""
    action_permissions: ClassVar[Mapping[str, BasePermission]] = {}
    """Required instead for `view`, `create`, `edit`, `delete`, `export`, `import` or a custom action."""
    field_permissions: ClassVar[Mapping[str, BasePermission]] = {}
    """Required to see and change a field."""

    def has_action_permission(self, request: Request, action: str) -> bool:
        """Return whether the user has permission for an action."""
        default = self.view_permission if action in {"view", "export"} else self.change_permission
        return has_permission(request, self.action_permissions.get(action) or default or self.view_permission)

    def can_view_field(self, request: Request, name: str) -> bool:
        """Return whether the user may see a field."""
        permission = self.field_permissions.get(name)
        return permission is None or has_permission(request, permission)

    def visible_rows(self, request: Request, rows: Select[Any]) -> Select[Any]:  # noqa: ARG002
        """Filter a query to the rows that the user may see. All other rows are treated as not found."""
        return rows

    def can_change_row(self, request: Request, row: Any) -> bool:  # noqa: ANN401, ARG002
        """Return whether the user may change, delete or act on a visible row."""
        return True

    # Hooks of the library.

    def is_accessible(self, request: Request) -> bool:
        """Return whether the user may see the view."""
        return has_permission(request, self.view_permission)

    def can_view_detail(self, request: Request) -> bool:
        """Return whether the user may open a row's page."""
        return self.has_action_permission(request, "view")

    def can_create(self, request: Request) -> bool:
        """Return whether the user may create rows."""
        return self.has_action_permission(request, "create")

    def can_edit(self, request: Request) -> bool:
        """Return whether the user may edit rows."""
        return self.has_action_permission(request, "edit")

    def can_delete(self, request: Request) -> bool:
        """Return whether the user may delete rows."""
        return self.has_action_permission(request, "delete")

    def can_export(self, request: Request) -> bool:
        """Return whether the user may export rows."""
        return self.has_action_permission(request, "export")

    def can_import(self, request: Request) -> bool:
        """Return whether the user may import rows."""
        return self.has_action_permission(request, "import")

    async def is_action_allowed(self, request: Request, name: str) -> bool:
        """Return whether the user may run an action on selected rows."""
        return self.has_action_permission(request, name) and await super().is_action_allowed(request, name)

    async def is_row_action_allowed(self, request: Request, name: str) -> bool:
        """Return whether the user may run an action on single rows."""
        return self.has_action_permission(request, name) and await super().is_row_action_allowed(request, name)

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:  # noqa: ANN401
        """Return whether the user may run an action on this row. The library checks `is_row_action_allowed` before."""
        return name == "view" or self.can_change_row(request, obj)

    async def handle_action(self, request: Request, selection: ActionSelection, name: str) -> Any:  # noqa: ANN401
        """Run an action if the user may change all selected rows. The library only checks single rows."""
        if name != "export" and await self.is_action_allowed(request, name):
            await selection.count()  # caches the rows: those deleted since then don't fail the check
            if not all(self.can_change_row(request, row) for row in await selection.rows()):
                raise ActionFailed(gettext("Forbidden"))
        return await super().handle_action(request, selection, name)

    def can_access_field(self, request: Request, field: BaseField, action: RequestAction | None = None) -> bool:
        """Hide fields in lists, pages, forms, exports, search, filters and sorting; submitted values are ignored.

        References to rows of an inaccessible view are hidden, too: they would show titles, such as email addresses.
        """
        name = field._name.partition(".")[0]  # noqa: SLF001 - the path of a nested field
        if not self.can_view_field(request, name):
            return False
        if isinstance(field, RelationField) and not self._find_foreign_view(field.key or "").is_accessible(request):
            return False
        return super().can_access_field(request, field, action)

    def get_fields_list(
        self, request: Request, *, include_nested: bool = False, action: RequestAction | None = None
    ) -> Sequence[BaseField]:
        """Return the fields that the user may see. Those of a list are found once, although each row needs them."""
        action = action or request.state.action
        if action != RequestAction.LIST or include_nested:
            return super().get_fields_list(request, include_nested=include_nested, action=action)
        found: dict[GuardedView, Sequence[BaseField]] = request.scope.setdefault(_LISTED, {})
        if self not in found:
            found[self] = super().get_fields_list(request, action=action)
        return found[self]

    def get_list_query(self, request: Request) -> Select[Any]:
        """Return the base query of all pages, counts and actions."""
        return self.visible_rows(request, super().get_list_query(request))

    def require_change_permission(self, request: Request, pk: Any, found: Sequence[Any]) -> None:  # noqa: ANN401
        """Deny the form of a row that the user may not change. Other rows may be looked up for a form."""
        requested = request.path_params.get("key"), request.query_params.get("pk")
        is_its_form = request.state.action.is_form() and requested == (self.key, str(pk))
        if is_its_form and not all(self.can_change_row(request, row) for row in found):
            raise HTTPException(403)

    async def before_create(self, request: Request, data: dict[str, Any], obj: Any) -> None:  # noqa: ANN401
        """Set the owner to the current user if the form has no owner field."""
        if isinstance(obj, Owned) and "owner" not in data:
            obj.owner_id = get_visitor(request).user_id
        await super().before_create(request, data, obj)

    async def after_create(self, request: Request, obj: Any) -> None:  # noqa: ANN401
        """Reject a row that the user wouldn't be able to see."""
        visible = getattr(request.state, "visible_after_save", ())
        key = key_of(obj)
        if key not in visible and not await self.find_by_pks(request, [str(key)]):
            raise FormValidationError({"": gettext("You wouldn't have access to the record after this change.")})

    async def after_edit(self, request: Request, obj: Any) -> None:  # noqa: ANN401
        """Reject a change after which the user wouldn't be able to see the row."""
        await GuardedView.after_create(self, request, obj)
