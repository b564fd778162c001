"""`app users create-admin`."""

import io
import re
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.commands.conftest import Outcome
from tests.support import in_database

Run = Callable[..., Outcome]

pytestmark = [pytest.mark.usefixtures("configured"), pytest.mark.any_database]

CREATE = ("users", "create-admin", "--email", "Grace@Example.com")


def can_sign_in(client: TestClient, password: str) -> bool:
    login = {"email": "grace@example.com", "password": password}
    return bool(client.post("/api/v1/auth/login", json=login).is_success)


def test_nobody_can_sign_in_until_the_command_line_made_someone(client: TestClient) -> None:
    """Behaviour 145."""
    names = ["admin@example.com", "admin@localhost", "admin@admin.com", "root@localhost", "user@example.com"]
    passwords = ["admin", "changethis", "changeme", "password", "admin@example.com", ""]

    for name, password in zip(names, passwords, strict=False):
        login = {"email": name, "password": password}
        assert client.post("/api/v1/auth/login", json=login).status_code == 401
    assert in_database(client, lambda session: session.scalar(select(func.count()).select_from(User))) == 0


def test_create_admin_prints_a_random_password_once(app: Run, client: TestClient) -> None:
    done = app(*CREATE)

    printed = re.search(r"with (\S+) \(shown once\)", done.out)
    assert done.code == 0
    assert printed
    assert can_sign_in(client, printed[1])


def test_create_admin_reads_a_password_from_standard_input(
    app: Run, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a password of my own\n"))

    done = app(*CREATE, "--password-stdin")

    assert done.code == 0
    assert "a password of my own" not in done.out
    assert can_sign_in(client, "a password of my own")


def test_create_admin_leaves_an_account_alone(app: Run, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behaviour 147."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("the first password\nthe second password\n"))
    app(*CREATE, "--password-stdin")

    refused = app(*CREATE, "--password-stdin")

    assert refused.code == 1
    assert "has an account already" in refused.error
    assert can_sign_in(client, "the first password")


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        pytest.param("grace@example.com", "short", "at least 12 characters", id="short-password"),
        pytest.param("grace@example.com", "", "no password on standard input", id="no-password"),
        pytest.param("grace", "a password of my own", "Invalid e-mail address", id="no-address"),
    ],
)
def test_create_admin_refuses_in_a_sentence(
    app: Run, monkeypatch: pytest.MonkeyPatch, email: str, password: str, sentence: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))

    refused = app("users", "create-admin", "--email", email, "--password-stdin")

    assert refused.code == 1
    assert sentence in refused.error
