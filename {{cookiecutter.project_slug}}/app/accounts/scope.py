"""The caller, as services know them."""

from dataclasses import dataclass
from uuid import UUID

from app.accounts.permissions import ADMIN_ROLE, Permission


@dataclass(frozen=True, slots=True)
class Scope:
    """Who asks, in which session, and with which rights: the only source of identity.

    It is read from the database at each request, so that sign-out, a disabled account or a lost role count at once.
    """

    user_id: UUID
    session_id: UUID
    email: str
    roles: frozenset[str]
    permissions: frozenset[str]

    def may(self, permission: Permission) -> bool:
        """Tell whether a role of the caller allows this."""
        return ADMIN_ROLE in self.roles or permission in self.permissions
