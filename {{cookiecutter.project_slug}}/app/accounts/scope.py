"""The caller (`Scope`) and client information."""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from uuid import UUID

from app.accounts.permissions import ADMIN_ROLE, Permission
from app.errors import Forbidden


class ForbiddenWhileImpersonating(Forbidden):
    """Only the account's owner may do this, not an impersonating admin."""

    title = "Not available while you're signed in as another user"


class Client(NamedTuple):
    """Client of a request: IP address and user agent."""

    ip: str
    user_agent: str
    request_id: str = ""
    actor_id: UUID | None = None
    """The impersonating admin."""

    @property
    def network(self) -> str:
        """Return the network used for rate limits: an IPv4 address or an IPv6 /64."""
        try:
            address = ip_address(self.ip)
        except ValueError:
            return self.ip
        if isinstance(address, IPv4Address):
            return str(address)
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))


COMMAND_LINE = Client("", "app users")
"""Client of the command line."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The caller: user, session and permissions.

    Loaded from the database on each request, so that sign-out, disabled accounts and role changes take effect
    immediately.
    """

    user_id: UUID
    session_id: UUID
    email: str
    roles: frozenset[str]
    permissions: frozenset[str]
    authenticated_at: datetime
    """Time of the last authentication."""
    token_scopes: frozenset[str] | None = None
    """Permissions the token is limited to; None for a session."""
    impersonator: "Scope | None" = None
    """The admin who is signed in as this user, in the session that they will go back to."""

    def has_permission(self, permission: Permission) -> bool:
        """Return whether the caller has this permission, through a role and within the token's limits."""
        if self.token_scopes is not None and permission not in self.token_scopes:
            return False
        return ADMIN_ROLE in self.roles or permission in self.permissions

    def can_impersonate(self, roles: frozenset[str], permissions: frozenset[str]) -> bool:
        """Return whether the caller has all of these permissions, as impersonation requires."""
        no_more = ADMIN_ROLE in self.roles or permissions <= self.permissions
        return self.has_permission(Permission.USERS_IMPERSONATE) and ADMIN_ROLE not in roles and no_more

    def forbid_impersonation(self) -> None:
        """Let through who is signed in as themselves.

        Raises:
            ForbiddenWhileImpersonating: when it is an admin who is signed in as them.
        """
        if self.impersonator is not None:
            raise ForbiddenWhileImpersonating
