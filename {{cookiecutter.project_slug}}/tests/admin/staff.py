"""Users with roles that have some permissions."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import Role, User, UserRole
from app.accounts.permissions import Permission
from tests.support import add_user, in_database

MANAGER = (Permission.ADMIN_ACCESS, Permission.USERS_READ, Permission.USERS_MANAGE)


def add_role(client: TestClient, name: str, *permissions: str) -> Role:
    """Create a role."""

    async def add(session: AsyncSession) -> Role:
        role = Role(name=name, permissions=list(permissions))
        session.add(role)
        return role

    return in_database(client, add)


def give_role(client: TestClient, user: User, name: str, *permissions: str) -> None:
    """Create a role, and grant it to a user."""
    role = add_role(client, name, *permissions)

    async def give(session: AsyncSession) -> None:
        session.add(UserRole(user_id=user.id, role_id=role.id))

    in_database(client, give)


def add_staff(client: TestClient, name: str, *permissions: str) -> User:
    """Create a user with a role of the same name."""
    user = add_user(client, f"{name}@example.com")
    give_role(client, user, name, *permissions)
    return user


def roles(client: TestClient) -> dict[str, Role]:
    """Return all roles by name."""

    async def read(session: AsyncSession) -> dict[str, Role]:
        return {role.name: role for role in await session.scalars(select(Role))}

    return in_database(client, read)


def roles_of(client: TestClient, user: User) -> set[str]:
    """Return the names of a user's roles."""

    async def read(session: AsyncSession) -> set[str]:
        return set(await session.scalars(select(Role.name).join(UserRole).where(UserRole.user_id == user.id)))

    return in_database(client, read)
