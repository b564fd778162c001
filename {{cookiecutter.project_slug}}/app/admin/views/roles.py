"""Admin view for roles. Users can't grant or change permissions they don't have."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar

from fastapi import Request
from pydantic import AfterValidator, StringConstraints
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload
from starlette_admin import RequestAction
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import EnumField

from app.accounts.models import Role, User, UserRole
from app.accounts.permissions import ADMIN_ROLE, KnownPermission, Permission, all_permissions, describe
from app.accounts.scope import Scope
from app.admin.auth import get_visitor
from app.admin.base.menu import PEOPLE
from app.admin.base.model_view import ModelView
from app.admin.base.permissions import has_permission
from app.api.field_types import SingleLine
from app.api.schemas import Schema
from app.i18n import gettext


def _normalized(name: str) -> str:
    """Return the name with compatibility characters, such as full-width letters, replaced (NFKC)."""
    return unicodedata.normalize("NFKC", name).strip()


def normalize_role_name(name: str) -> str:
    """Return the form in which names are compared: `Editor` and `editor` are the same role."""
    return _normalized(name).casefold()


class RoleSchema(Schema):
    """Validation rules of a role."""

    name: Annotated[str, AfterValidator(_normalized), StringConstraints(min_length=1, max_length=40), SingleLine]
    permissions: list[KnownPermission]


def _labels(request: Request, names: Sequence[str]) -> list[str]:  # noqa: ARG001 - passed by the library
    """Return what permissions allow, with their names."""
    return [f"{text} ({name})" if text != name else name for name, text in zip(names, describe(names), strict=True)]


def _descriptions(request: Request, names: Sequence[str]) -> list[str]:  # noqa: ARG001 - as above
    return describe(names)


PERMISSIONS_IN_WORDS: dict[RequestAction, Any] = {RequestAction.LIST: _descriptions, RequestAction.DETAIL: _labels}
"""The `formatter` of a field with the names of permissions."""


class PermissionsField(EnumField):
    """Offers the permissions that the user has. Shows all, including permissions that no longer exist in the code."""

    def __init__(self) -> None:
        super().__init__(
            "permissions",
            multiple=True,
            choices_loader=self.grantable,
            help_text="You can grant permissions that you have.",
            list_template="fields/list/tags.html",
            detail_template="fields/detail/tags.html",
            formatter=PERMISSIONS_IN_WORDS,
        )

    @staticmethod
    def grantable(request: Request) -> list[tuple[str, str]]:
        """Return the permissions that the user has, which are those that they can grant."""
        return [(str(item), item.label) for item in all_permissions() if has_permission(request, item)]

    async def parse_obj(self, request: Request, obj: Role) -> list[str]:  # noqa: ARG002
        """Return the permissions of a role."""
        return [*all_permissions()] if obj.name == ADMIN_ROLE else obj.permissions

    async def serialize_value(self, request: Request, value: list[str]) -> list[str]:  # noqa: ARG002
        """Return the value unchanged. The library raises for a permission that isn't offered."""
        return value


class RoleView(ModelView):
    """Roles. The role `admin` has all permissions and can't be changed."""

    model = Role
    schema = RoleSchema
    view_permission = Permission.USERS_READ
    change_permission = Permission.USERS_MANAGE
    section = PEOPLE
    icon = "fa-solid fa-key"
    title_field = "name"
    fields = ("id", "name", PermissionsField(), "created_at", "updated_at")
    exclude_fields_from_list = ("id", "updated_at")
    searchable_fields = sortable_fields = ("name", "created_at")  # databases can't compare lists
    delete_warning = "Users with this role lose its permissions immediately."

    def can_change_row(self, request: Request, row: Role) -> bool:
        """Protect the role `admin`, and roles with more permissions than the user."""
        return row.name != ADMIN_ROLE and has_all_permissions_of(get_visitor(request), row)

    async def get_row_actions_for_obj(self, request: Request, obj: Role) -> list[dict[str, Any]]:
        """Show how many users have a role before it is deleted."""
        actions = await super().get_row_actions_for_obj(request, obj)
        users = await request.state.session.scalar(select(func.count()).where(UserRole.role_id == obj.id))
        warning = f"{gettext(self.delete_warning)} " + gettext("Users with this role: %(count)s.", count=users)
        return [action | {"confirmation": warning} if action["name"] == "delete" else action for action in actions]

    async def validate(self, request: Request, data: dict[str, Any]) -> None:
        """Reject permissions that the user doesn't have."""
        missing = [permission for permission in data.get("permissions", ()) if not has_permission(request, permission)]
        if missing:
            message = gettext("You don't have these permissions yourself: %(names)s.", names=", ".join(missing))
            raise FormValidationError({"permissions": message})
        await super().validate(request, data)

    async def after_create(self, request: Request, obj: Role) -> None:
        """Reject a name that another role has."""
        await super().after_create(request, obj)
        await self._require_unique_name(request, obj)

    async def after_edit(self, request: Request, obj: Role) -> None:
        """Reject a name that another role has."""
        await super().after_edit(request, obj)
        await self._require_unique_name(request, obj)

    async def _require_unique_name(self, request: Request, role: Role) -> None:
        """Compare the name with those of the other roles, one save at a time."""
        session = request.state.session
        await session.execute(select(Role.id).where(Role.name == ADMIN_ROLE).with_for_update(key_share=True))
        others = await session.scalars(select(Role.name).where(Role.id != role.id))
        if normalize_role_name(role.name) in {ADMIN_ROLE, *map(normalize_role_name, others)}:
            raise FormValidationError({"name": gettext("This value is already in use.")})


class UserOwnedView(ModelView):
    """View of rows that belong to a user. Rows of users with more permissions than the current user are read-only."""

    fields: Sequence[Any] = ()
    user_relation: ClassVar[str] = "owner"
    """Name of the relationship to the user."""

    def get_list_query(self, request: Request) -> Select[Any]:
        """Load the roles of the users for `can_change_row`."""
        user = getattr(self.model, self.user_relation)
        return super().get_list_query(request).options(joinedload(user).joinedload(User.roles))

    def can_change_row(self, request: Request, row: Any) -> bool:  # noqa: ANN401
        """Return whether the owner has no more permissions than the user."""
        return has_no_more_permissions(request, getattr(row, self.user_relation))


def has_no_more_permissions(request: Request, user: User) -> bool:
    """Return whether a user, whose roles are loaded, has no permission that the current user doesn't have."""
    return all(has_all_permissions_of(get_visitor(request), role) for role in user.roles)


def has_all_permissions_of(scope: Scope, role: Role) -> bool:
    """Return whether a user has all permissions of a role."""
    return ADMIN_ROLE in scope.roles or (role.name != ADMIN_ROLE and scope.permissions.issuperset(role.permissions))


def forbid_privilege_escalation(request: Request, roles: Iterable[Role]) -> None:
    """Reject roles with more permissions than the current user.

    Raises:
        FormValidationError: lists these roles.
    """
    forbidden = [role.name for role in roles if not has_all_permissions_of(get_visitor(request), role)]
    if forbidden:
        message = gettext("These roles have more permissions than you: %(names)s.", names=", ".join(forbidden))
        raise FormValidationError({"roles": message})
