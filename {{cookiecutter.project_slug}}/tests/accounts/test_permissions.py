"""Permissions of roles, checked on each request."""

from collections.abc import Callable
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.api.dependencies import require_permission
from app.accounts.models import Role, User, UserRole
from app.accounts.permissions import Permission
from app.accounts.scope import Scope
from tests.support import in_database, problem_of

pytestmark = pytest.mark.any_database

PATH = "/api/v1/for-admins"


@pytest.fixture(autouse=True)
def route(add_routes: Callable[[APIRouter], None]) -> None:
    """Add a route that requires a permission."""
    router = APIRouter()

    @router.get(PATH)
    async def read(scope: Annotated[Scope, Depends(require_permission(Permission.ADMIN_ACCESS))]) -> str:
        return scope.email

    add_routes(router)


def give_role(client: TestClient, user: User, role: Role) -> None:
    async def give(session: AsyncSession) -> None:
        session.add(role)
        await session.flush()
        session.add(UserRole(user_id=user.id, role_id=role.id))

    in_database(client, give)


def test_route_requires_permission(client: TestClient, as_ada: TestClient, as_admin: TestClient) -> None:
    """Behaviour 131."""
    assert client.get(PATH).status_code == 401
    assert problem_of(as_ada.get(PATH))["type"] == "urn:problem:PermissionDenied"
    assert as_admin.get(PATH).json() == "admin@example.com"


def test_role_grants_only_its_permissions(
    client: TestClient, as_ada: TestClient, as_bob: TestClient, ada: User, bob: User
) -> None:
    give_role(client, ada, Role(name="staff", permissions=[Permission.ADMIN_ACCESS]))
    give_role(client, bob, Role(name="reader", permissions=["something:else"]))

    assert [caller.get(PATH).status_code for caller in (as_ada, as_bob)] == [200, 403]


def test_revoked_role_takes_effect_immediately(client: TestClient, as_admin: TestClient) -> None:
    """Behaviour 55."""
    assert as_admin.get(PATH).status_code == 200

    in_database(client, lambda session: session.execute(delete(UserRole)))

    assert as_admin.get(PATH).status_code == 403
