"""The caller, as services know them, and where they call from."""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from uuid import UUID

from app.accounts.permissions import ADMIN_ROLE, Permission
from app.errors import Forbidden


class ForbiddenWhileImpersonating(Forbidden):
    """What was asked for is left to the owner of the account; an admin who is signed in as them may not."""

    title = "You are signed in as someone else, and only they may do this"


class Client(NamedTuple):
    """Where a request came from."""

    ip: str
    user_agent: str
    request_id: str = ""
    actor_id: UUID | None = None
    """Who is at the screen, when it is not whose account it is."""

    @property
    def network(self) -> str:
        """Return what counts as one place: an IPv4 address, or a /64, which one customer has whole."""
        try:
            address = ip_address(self.ip)
        except ValueError:
            return self.ip
        if isinstance(address, IPv4Address):
            return str(address)
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))


COMMAND_LINE = Client("", "app users")
"""Where an operator changes accounts."""


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
    authenticated_at: datetime
    """When they last proved who they are."""
    limits: frozenset[str] | None = None
    """What their token is limited to, whatever their roles allow; none for a session."""
    impersonator: "Scope | None" = None
    """The admin who is signed in as this user, in the session that they will go back to."""

    def may(self, permission: Permission) -> bool:
        """Tell whether a role of the caller allows this, and their token is not limited to less."""
        if self.limits is not None and permission not in self.limits:
            return False
        return ADMIN_ROLE in self.roles or permission in self.permissions

    def can_impersonate(self, roles: frozenset[str], permissions: frozenset[str]) -> bool:
        """Tell whether the caller may be signed in as someone with these rights: never to do more than they may."""
        no_more = ADMIN_ROLE in self.roles or permissions <= self.permissions
        return self.may(Permission.USERS_IMPERSONATE) and ADMIN_ROLE not in roles and no_more

    def forbid_impersonation(self) -> None:
        """Let through who is signed in as themselves.

        Raises:
            ForbiddenWhileImpersonating: when it is an admin who is signed in as them.
        """
        if self.impersonator is not None:
            raise ForbiddenWhileImpersonating
