"""The caller (`Scope`) and client information.

Requests get their scope from a dependency (`app/accounts/api/dependencies.py`), jobs and scripts from `load_scope` or
`system_scope`.
"""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts.models import Role, User, UserRole
from app.accounts.permissions import ADMIN_ROLE, BasePermission, Permission
from app.database.base import utc_now
from app.errors import Conflict, Forbidden


class AccountDisabled(Conflict):
    """A job or script acts for a user whose account is disabled."""

    title = "Account disabled"


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
    """Scopes of a limited token, such as an API key; None for a session."""
    impersonator: "Scope | None" = None
    """The impersonating admin, in the session they will return to."""
    locale: str | None = None
    """Language of the account, such as `pt_BR`; None for that of the browser."""

    @property
    def grants(self) -> object:
        """What the caller may do; a WebSocket or event stream ends when it changes."""
        return self.user_id, self.roles, self.permissions, self.token_scopes

    def has_permission(self, permission: BasePermission) -> bool:
        """Return whether the caller's roles grant this permission, and the token's scopes include it."""
        if self.token_scopes is not None and permission not in self.token_scopes:
            return False
        return ADMIN_ROLE in self.roles or permission in self.permissions

    def can_impersonate(self, roles: frozenset[str], permissions: frozenset[str]) -> bool:
        """Return whether the caller may sign in as a user with these roles and permissions."""
        has_all = ADMIN_ROLE in self.roles or permissions <= self.permissions
        return self.has_permission(Permission.USERS_IMPERSONATE) and ADMIN_ROLE not in roles and has_all

    def forbid_impersonation(self) -> None:
        """Require that the caller is the account's owner.

        Raises:
            ForbiddenWhileImpersonating: when the caller is an impersonating admin.
        """
        if self.impersonator is not None:
            raise ForbiddenWhileImpersonating


async def load_scope(session: AsyncSession, user: User) -> Scope:
    """Return a user as the caller, with their current permissions, for jobs and scripts.

    Raises:
        AccountDisabled: the user can't sign in either.
    """
    if not user.is_active:
        raise AccountDisabled(f"{user.email} is disabled.")
    roles = (await session.scalars(select(Role).join(UserRole).where(UserRole.user_id == user.id))).all()
    names, permissions = {role.name for role in roles}, {name for role in roles for name in role.permissions}
    now, session_id = utc_now(), uuid7()  # of no session
    return Scope(user.id, session_id, user.email, frozenset(names), frozenset(permissions), now, locale=user.locale)


def system_scope() -> Scope:
    """Return the caller of jobs and scripts that act for no user: all permissions, but no rows of its own."""
    return Scope(UUID(int=0), uuid7(), "", frozenset({ADMIN_ROLE}), frozenset(), utc_now())
