"""Permissions of roles.

Permissions are constants; roles are database rows that list them. To add a permission, add a line here, or to a class
like this one in the `permissions.py` of a feature, and grant it to a role. Check it with
`require_permission(Permission.X)` on a route, or with `scope.has_permission(Permission.X)` in a service.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field
from pydantic_core import PydanticKnownError
from sqlalchemy import JSON, Connection, Text, Uuid, cast, column, inspect, select, table, update

from app.i18n import gettext


class BasePermission(StrEnum):
    """Permissions, each with a description for users who grant it. Features define theirs in a subclass."""

    description: str

    def __new__(cls, name: str, description: str = "") -> Self:
        """Create a permission. Roles store its name."""
        permission = str.__new__(cls, name)
        permission._value_ = name
        permission.description = description
        return permission

    @property
    def label(self) -> str:
        """Return the text that forms offer: what the permission allows, and its name."""
        return f"{gettext(self.description)} ({self})" if self.description else str(self)


class Permission(BasePermission):
    """Permissions that belong to no feature."""

    ADMIN_ACCESS = "admin:access", "Open the admin"
    """Some of its views require more permissions."""
    USERS_READ = "users:read", "See users, roles, sessions, events and emails in the admin"
    USERS_MANAGE = "users:manage", "Change users and roles in the admin"
    """Except users with more permissions than one's own. Requires `users:read`."""
    USERS_IMPERSONATE = "users:impersonate", "Sign in as another user"
    """Except users with more permissions than one's own, and admins."""
    JOBS_READ = "jobs:read", "See jobs in the admin"
    """With their arguments and results, except secrets."""
    JOBS_MANAGE = "jobs:manage", "Retry, cancel and delete jobs in the admin"
    """Requires `jobs:read`."""


ADMIN_ROLE = "admin"
"""The role of the first user. It has all permissions, including those added later."""


def all_permissions() -> list[BasePermission]:
    """List the permissions of the app and of its features."""
    return [permission for group in BasePermission.__subclasses__() for permission in group]


def describe(names: Sequence[str]) -> list[str]:
    """Return what permissions allow, in the language of the request; the name of one without a description."""
    descriptions = {str(permission): permission.description for permission in all_permissions()}
    return [gettext(descriptions.get(name) or name) for name in names]


def _check_permission(name: str) -> str:
    known = all_permissions()
    if name not in known:
        raise PydanticKnownError("enum", {"expected": ", ".join(known)})
    return name


def _list_permissions(schema: dict[str, Any]) -> None:
    schema["enum"] = [*all_permissions()]


KnownPermission = Annotated[str, AfterValidator(_check_permission), Field(json_schema_extra=_list_permissions)]
"""The name of a permission that exists in the code."""


def rename_permission(connection: Connection, old: str, new: str) -> None:
    """Rename a permission in all roles and API keys. For migrations."""
    for name, of in (("roles", "permissions"), ("api_keys", "scopes")):
        if not inspect(connection).has_table(name):  # features can be removed
            continue
        rows = table(name, column("id", Uuid), column(of, JSON))
        granted = select(rows).where(cast(rows.c[of], Text).contains(f'"{old}"', autoescape=True))
        for row_id, permissions in connection.execute(granted).all():
            renamed = [new if permission == old else permission for permission in permissions]
            connection.execute(update(rows).where(rows.c.id == row_id).values({of: renamed}))
