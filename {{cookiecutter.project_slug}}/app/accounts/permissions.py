"""Permissions of roles.

Permissions are constants; roles are database rows that list them. To add a permission, add a line here and grant it to
a role. Check it with `require_permission(Permission.X)` on a route, or with `scope.has_permission(Permission.X)` in a
service.
"""

from enum import StrEnum


class Permission(StrEnum):
    """Permissions that roles can grant."""

    ADMIN_ACCESS = "admin:access"
    """Open the admin. Views require further permissions."""
    USERS_READ = "users:read"
    """View accounts in the admin: users, roles, sessions, events, emails."""
    USERS_MANAGE = "users:manage"
    """Change them, except users with more permissions than your own. Requires `users:read`."""
    USERS_IMPERSONATE = "users:impersonate"
    """Sign in as a user who has no more permissions than you. Admins can't be impersonated."""
    CONTENT_EDIT = "content:edit"
    """Edit content: resources created with `--write editors`, such as those with `--access public`."""


ADMIN_ROLE = "admin"
"""The role of the first user. It has all permissions, including those added later."""
