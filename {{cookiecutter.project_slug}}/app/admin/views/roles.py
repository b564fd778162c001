"""Admin view for roles. Users can't grant or change permissions they don't have."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar

from fastapi import Request
from pydantic import AfterValidator, StringConstraints
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload
from starlette_admin.exceptions import FormValidationError
from starlette_admin.fields import EnumField

from app.accounts.models import Role, User, UserRole
from app.accounts.permissions import ADMIN_ROLE, Permission
from app.accounts.scope import Scope
from app.admin.auth import get_visitor
from app.admin.base.model_view import ModelView
from app.admin.base.permissions import has_permission
from app.api.field_types import SingleLine
from app.api.schemas import Schema


def _normalized(name: str) -> str:
    """Write look-alikes of letters as these letters."""
    return unicodedata.normalize("NFKC", name).strip()


def normalize_role_name(name: str) -> str:
    """Return the spelling under which a name is unique: `Editor` and `editor` are one role."""
    return _normalized(name).casefold()


class RoleSchema(Schema):
    """What a role is."""

    name: Annotated[str, AfterValidator(_normalized), StringConstraints(min_length=1, max_length=40), SingleLine]
    permissions: list[Permission]


class PermissionsField(EnumField):
    """The permissions that the visitor has, to choose from; shown are all, also one that the code has no more."""

    def __init__(self) -> None:
        super().__init__(
            "permissions",
            multiple=True,
            choices_loader=self.grantable,
            help_text="You can grant permissions that you have.",
            list_template="fields/list/tags.html",
            detail_template="fields/detail/tags.html",
        )

    @staticmethod
    def grantable(request: Request) -> list[tuple[str, str]]:
        """Return what the visitor may do, and so may allow."""
        return [(str(permission), str(permission)) for permission in Permission if has_permission(request, permission)]

    async def parse_obj(self, request: Request, obj: Role) -> list[str]:  # noqa: ARG002
        """Return what a role allows."""
        return [*Permission] if obj.name == ADMIN_ROLE else obj.permissions

    async def serialize_value(self, request: Request, value: list[str]) -> list[str]:  # noqa: ARG002
        """Return them as they are; the library would fail at one that cannot be chosen."""
        return value


class RoleView(ModelView):
    """Roles. The role `admin` has all permissions and can't be changed."""

    model = Role
    schema = RoleSchema
    view_permission = Permission.USERS_READ
    change_permission = Permission.USERS_MANAGE
    icon = "fa-solid fa-key"
    title_field = "name"
    fields = ("id", "name", PermissionsField(), "created_at", "updated_at")
    exclude_fields_from_list = ("id", "updated_at")
    searchable_fields = sortable_fields = ("name", "created_at")  # no database compares lists
    delete_warning = "Users with this role lose its permissions immediately."

    def can_change_row(self, request: Request, row: Role) -> bool:
        """Keep the role `admin`, and what allows more than the visitor may do."""
        return row.name != ADMIN_ROLE and has_all_permissions_of(get_visitor(request), row)

    async def get_row_actions_for_obj(self, request: Request, obj: Role) -> list[dict[str, Any]]:
        """Say, before a role is deleted, how many people have it."""
        actions = await super().get_row_actions_for_obj(request, obj)
        people = await request.state.session.scalar(select(func.count()).where(UserRole.role_id == obj.id))
        warning = f"{self.delete_warning} Users with this role: {people}."
        return [action | {"confirmation": warning} if action["name"] == "delete" else action for action in actions]

    async def validate(self, request: Request, data: dict[str, Any]) -> None:
        """Refuse permissions that the visitor lacks."""
        lacking = [permission for permission in data.get("permissions", ()) if not has_permission(request, permission)]
        if lacking:
            raise FormValidationError(
                {"permissions": f"You don't have these permissions yourself: {', '.join(lacking)}."}
            )
        await super().validate(request, data)

    async def after_create(self, request: Request, obj: Role) -> None:
        """Refuse a name that another role has."""
        await super().after_create(request, obj)
        await self._require_own_name(request, obj)

    async def after_edit(self, request: Request, obj: Role) -> None:
        """Refuse it here too."""
        await super().after_edit(request, obj)
        await self._require_own_name(request, obj)

    async def _require_own_name(self, request: Request, role: Role) -> None:
        """Compare with the names of the others; of two roles saved at once, the second waits for the first."""
        session = request.state.session
        await session.execute(select(Role.id).where(Role.name == ADMIN_ROLE).with_for_update(key_share=True))
        others = await session.scalars(select(Role.name).where(Role.id != role.id))
        if normalize_role_name(role.name) in {ADMIN_ROLE, *map(normalize_role_name, others)}:
            raise FormValidationError({"name": "This value is already in use."})


class UserOwnedView(ModelView):
    """A view of what belongs to people: what is of someone who may do more than the visitor is left alone."""

    fields: Sequence[Any] = ()
    person: ClassVar[str] = "owner"
    """The reference to whom it belongs."""

    def get_list_query(self, request: Request) -> Select[Any]:
        """Load the roles of the people for `may_change_row`."""
        person = joinedload(getattr(self.model, self.person)).joinedload(User.roles)
        return super().get_list_query(request).options(person)

    def can_change_row(self, request: Request, row: Any) -> bool:  # noqa: ANN401
        """Leave alone what is theirs."""
        return has_no_more_permissions(request, getattr(row, self.person))


def has_no_more_permissions(request: Request, user: User) -> bool:
    """Return whether someone, whose roles are loaded, may do nothing that the visitor may not."""
    return all(has_all_permissions_of(get_visitor(request), role) for role in user.roles)


def has_all_permissions_of(scope: Scope, role: Role) -> bool:
    """Return whether someone may do all that a role allows."""
    return ADMIN_ROLE in scope.roles or (role.name != ADMIN_ROLE and scope.permissions.issuperset(role.permissions))


def forbid_privilege_escalation(request: Request, roles: Iterable[Role]) -> None:
    """Refuse to give roles that allow more than the visitor may do.

    Raises:
        FormValidationError: naming them.
    """
    beyond = [role.name for role in roles if not has_all_permissions_of(get_visitor(request), role)]
    if beyond:
        raise FormValidationError({"roles": f"These roles have more permissions than you: {', '.join(beyond)}."})
