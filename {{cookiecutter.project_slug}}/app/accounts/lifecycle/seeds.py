"""Seed data: example rows for development, which `app seed` adds."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role, User, UserRole
from app.accounts.permissions import ADMIN_ROLE
from app.accounts.scope import Scope, load_scope
from app.accounts.users import UserNotFound, get_user_by_email


class Seeds(NamedTuple):
    """Seed data of a feature, which defines it in its `seeds.py`."""

    name: str
    """The rows it adds, such as "example notes"."""
    add: Callable[[AsyncSession, Scope], Awaitable[int]]
    """Add the rows that are missing, owned by the caller, and return how many."""


async def find_owner(session: AsyncSession, email: str | None) -> Scope:
    """Return the user with this email address, or the first admin, as the caller of services.

    Raises:
        UserNotFound: there is none.
        AccountDisabled: the user's account is disabled.
    """
    if email is None:
        admins = select(User).join(UserRole, UserRole.user_id == User.id).join(Role, Role.id == UserRole.role_id)
        admins = admins.where(Role.name == ADMIN_ROLE, User.is_active)
        user = await session.scalar(admins.order_by(User.id).limit(1))
        if user is None:
            raise UserNotFound("There is no admin to own the rows: run `app setup`, or choose a user with --email.")
    else:
        user = await get_user_by_email(session, email)
    return await load_scope(session, user)
