"""Fixtures of the admin's tests."""

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.web.browsing import open_browser


@pytest.fixture
def browser(client: TestClient, admin: User) -> TestClient:
    """Return a browser in which the admin is signed in."""
    return open_browser(client, admin)
