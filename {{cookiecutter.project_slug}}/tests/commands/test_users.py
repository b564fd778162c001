"""`app users …`."""

import io
import re
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.accounts.models import AuthEvent, User
from tests.commands.conftest import Outcome
from tests.support import PASSWORD, in_database

Run = Callable[..., Outcome]

pytestmark = [pytest.mark.usefixtures("configured"), pytest.mark.any_database]

CREATE = ("users", "create-admin", "--email", "Grace@Example.com")


def can_sign_in(client: TestClient, password: str) -> bool:
    login = {"email": "grace@example.com", "password": password}
    return bool(client.post("/api/v1/auth/login", json=login).is_success)


def test_no_account_exists_by_default(client: TestClient) -> None:
    """Behaviour 145."""
    names = ["admin@example.com", "admin@localhost", "admin@admin.com", "root@localhost", "user@example.com"]
    passwords = ["admin", "changethis", "changeme", "password", "admin@example.com", ""]

    for name, password in zip(names, passwords, strict=False):
        login = {"email": name, "password": password}
        assert client.post("/api/v1/auth/login", json=login).status_code == 401
    assert in_database(client, lambda session: session.scalar(select(func.count()).select_from(User))) == 0


def test_create_admin_prints_a_random_password(app: Run, client: TestClient) -> None:
    done = app(*CREATE)

    printed = re.search(r"with password (\S+) \(shown once\)", done.out)
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


def test_create_admin_does_not_change_an_existing_account(
    app: Run, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behaviour 147."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("the first password\nthe second password\n"))
    app(*CREATE, "--password-stdin")

    failed = app(*CREATE, "--password-stdin")

    assert failed.code == 1
    assert "an account with Grace@Example.com already exists" in failed.error
    assert can_sign_in(client, "the first password")


@pytest.mark.parametrize(
    ("email", "password", "message"),
    [
        pytest.param("grace@example.com", "short", "at least 12 characters", id="short-password"),
        pytest.param("grace@example.com", "", "no password on standard input", id="no-password"),
        pytest.param("grace", "a password of my own", "Invalid email address", id="no-address"),
    ],
)
def test_create_admin_prints_clear_errors(
    app: Run, monkeypatch: pytest.MonkeyPatch, email: str, password: str, message: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))

    failed = app("users", "create-admin", "--email", email, "--password-stdin")

    assert failed.code == 1
    assert message in failed.error


def test_account_is_created_listed_and_gets_a_new_password(app: Run, client: TestClient) -> None:
    assert app("users", "create", "--email", "Grace@Example.com").code == 0
    assert re.search(r"^Grace@example\.com +active$", app("users", "list").out, re.MULTILINE)

    done = app("users", "reset-password", "--email", "grace@EXAMPLE.com")

    printed = re.search(r"with password (\S+) \(shown once\)", done.out)
    assert printed
    assert can_sign_in(client, printed[1])


def test_password_reset_ends_sessions(app: Run, as_ada: TestClient, ada: User) -> None:
    assert app("users", "reset-password", "--email", ada.email).code == 0

    assert as_ada.get("/api/v1/users/me").status_code == 401


def test_account_is_promoted_and_demoted(app: Run, ada: User, admin: User) -> None:
    def admins() -> list[str]:
        return [line.split()[0] for line in app("users", "list").out.splitlines() if line.endswith(" admin")]

    assert admins() == [admin.email]
    assert app("users", "promote", "--email", ada.email).code == 0
    assert admins() == [ada.email, admin.email]
    assert app("users", "demote", "--email", admin.email).code == 0
    assert admins() == [ada.email]

    for failed in (app("users", "demote", "--email", ada.email), app("users", "disable", "--email", ada.email)):
        assert failed.code == 1
        assert "Can't disable, demote or delete the last active admin" in failed.error
    assert admins() == [ada.email]
    assert "disabled" not in app("users", "list").out


@pytest.mark.usefixtures("admin")
def test_account_is_disabled_and_enabled(app: Run, as_ada: TestClient, ada: User) -> None:
    login = {"email": ada.email, "password": PASSWORD}

    assert app("users", "disable", "--email", ada.email).code == 0
    assert as_ada.get("/api/v1/users/me").status_code == 401
    assert as_ada.post("/api/v1/auth/login", json=login).status_code == 401
    assert re.search(rf"^{ada.email} +disabled$", app("users", "list").out, re.MULTILINE)

    assert app("users", "enable", "--email", ada.email).code == 0
    assert as_ada.post("/api/v1/auth/login", json=login).status_code == 200
    assert as_ada.get("/api/v1/users/me").status_code == 401, "the old session remains ended"


@pytest.mark.usefixtures("admin")
def test_disabling_is_recorded_once(app: Run, client: TestClient, ada: User) -> None:
    query = select(AuthEvent).where(AuthEvent.name == "user_disabled")

    for _ in range(2):
        assert app("users", "disable", "--email", ada.email).code == 0

    (event,) = in_database(client, lambda session: session.scalars(query)).all()
    assert (event.user_id, event.target_type, event.target_id) == (ada.id, "users", str(ada.id))
    assert (event.user_agent, event.actor_id) == ("app users", None)


@pytest.mark.parametrize("command", ["reset-password", "promote", "demote", "disable", "enable"])
def test_unknown_account_prints_clear_error(app: Run, command: str) -> None:
    failed = app("users", command, "--email", "nobody@example.com")

    assert failed == (1, "", "app: User not found. No account with the email address nobody@example.com.")
