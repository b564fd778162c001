"""What may be allowed, and which roles allow it.

A permission is a constant here; a role is a row that lists some. To add a permission, add a line, check it with
`require(Permission.X)` on a route or `scope.has_permission(Permission.X)` in a service, and give it to a role.
"""

from enum import StrEnum


class Permission(StrEnum):
    """Everything that a role can allow."""

    ADMIN_ACCESS = "admin:access"
    """Open the admin, where each view says what else it asks for."""
    USERS_READ = "users:read"
    """See accounts in the admin: people, roles, sessions, events, mails."""
    USERS_MANAGE = "users:manage"
    """Change them too, but never who may do more than oneself. It is of use together with `users:read`."""
    USERS_IMPERSONATE = "users:impersonate"
    """Be signed in as someone who may do no more; nobody is signed in as an admin."""
    CONTENT_EDIT = "content:edit"
    """Write what everybody may read: resources made with `--access public`."""


ADMIN_ROLE = "admin"
"""The role of the first user; it has every permission, those that are added later included."""
