"""Fixtures for tests of the admin."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from sqlalchemy import Select
from starlette.testclient import TestClient

from app import features
from app.accounts.models import User
from app.accounts.permissions import Permission
from app.admin.base.permissions import GuardedView
from app.main import create_app
from app.settings.config import Settings
from tests.admin.staff import give_role
from tests.support import add_user, another_client, tables_of
from tests.web.browser import open_browser


@pytest.fixture
def browser(client: TestClient, admin: User) -> TestClient:
    """Return a client that is signed in as an admin."""
    return open_browser(client, admin)


@pytest.fixture
def helper(client: TestClient) -> User:
    """Return a user who isn't an admin, with access to the admin and to impersonation."""
    user = add_user(client, "helper@example.com")
    give_role(client, user, "helper", Permission.ADMIN_ACCESS, Permission.USERS_IMPERSONATE)
    return user


@pytest.fixture(scope="session")
def library_apps() -> Iterator[Callable[[Settings], TestClient]]:
    """Start an app that has the features in this folder, once per set of settings."""
    options = {"use_uvloop": find_spec("uvloop") is not None}
    with ExitStack() as running:

        @lru_cache
        def run(settings: Settings) -> TestClient:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(features, "__path__", [*features.__path__, str(Path(__file__).parent / "features")])
                app = create_app(settings)
            return running.enter_context(TestClient(app, backend_options=options))

        yield run


@pytest.fixture
def library(library_apps: Callable[[Settings], TestClient], settings: Settings) -> Iterator[TestClient]:
    """Return a client that is signed in as an admin, in an app with the features in this folder."""
    client = another_client(library_apps(settings))
    tables: Any = import_module("app.features.library.models").TABLES
    with tables_of(client, tables):
        yield open_browser(client, add_user(client, "admin@example.com", admin=True))


@pytest.fixture
def hide_secret_rows(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that hides authors and subjects called "Secret"."""

    def visible(self: GuardedView, _: Request, rows: Select[Any]) -> Select[Any]:
        column = {"Author": "name", "Subject": "code"}.get(self.model.__name__)
        return rows.where(getattr(self.model, column) != "Secret") if column else rows

    return lambda: monkeypatch.setattr(GuardedView, "visible_rows", visible)
