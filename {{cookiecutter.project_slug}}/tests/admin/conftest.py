"""Fixtures of the admin's tests."""

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from app.accounts.permissions import Permission
from tests.admin.impersonating import give_role
from tests.support import add_user
from tests.web.browsing import open_browser


@pytest.fixture
def browser(client: TestClient, admin: User) -> TestClient:
    """Return a browser in which the admin is signed in."""
    return open_browser(client, admin)


@pytest.fixture
def helper(client: TestClient) -> User:
    """Return someone who is no admin, but may enter the admin and sign in as others."""
    user = add_user(client, "helper@example.com")
    give_role(client, user, "helper", Permission.ADMIN_ACCESS, Permission.USERS_IMPERSONATE)
    return user
