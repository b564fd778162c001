"""`app seed`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app import features
from tests.commands.conftest import Outcome

Run = Callable[..., Outcome]

pytestmark = pytest.mark.usefixtures("configured")

SEEDS = """
from sqlalchemy import select
from app.accounts import users
from app.accounts.lifecycle.seeds import Seeds
from app.accounts.models import User

async def add(session, scope):
    email = f"friend.of.{scope.email}"
    if await users.find_user_by_email(session, email):
        return 0
    await users.add_verified_user(session, email=email)
    return 1

seeds = Seeds("friends", add)
"""


@pytest.fixture(autouse=True)
def friends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace all features by one with seed data."""
    (tmp_path / "friends").mkdir()
    (tmp_path / "friends" / "__init__.py").touch()
    (tmp_path / "friends" / "seeds.py").write_text(SEEDS)
    monkeypatch.setattr(features, "__path__", [str(tmp_path)])


def create(app: Run, command: str, email: str) -> None:
    assert app("users", command, "--email", email).code == 0


def test_rows_are_added_once_for_the_first_admin(app: Run) -> None:
    create(app, "create", "user@example.com")
    create(app, "create-admin", "first@example.com")
    create(app, "create-admin", "second@example.com")

    first, second = app("seed"), app("seed")

    assert (first.code, first.out) == (
        0,
        "Adding seed data of first@example.com:\n       1  friends\n",
    )
    assert (second.code, second.out) == (
        0,
        "Adding seed data of first@example.com:\n       0  friends\n",
    )
    assert "friend.of.first@example.com" in app("users", "list").out


def test_rows_are_added_for_the_chosen_user(app: Run) -> None:
    create(app, "create", "user@example.com")

    assert "1  friends" in app("seed", "--email", "user@example.com").out
    assert "friend.of.user@example.com" in app("users", "list").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param((), "run `app setup`", id="no-admin"),
        pytest.param(
            ("--email", "eve@example.com"),
            "No account with the email address",
            id="unknown-address",
        ),
    ],
)
def test_missing_owner_is_reported(app: Run, arguments: tuple[str, ...], message: str) -> None:
    done = app("seed", *arguments)

    assert (done.code, done.out) == (1, "")
    assert message in done.error


def test_production_needs_force(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    create(app, "create-admin", "first@example.com")
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("BASE_URL", "https://example.com")
    monkeypatch.setenv("AUTH_ARGON2_MEMORY_KIB", "47104")

    refused, forced = app("seed"), app("seed", "--force")

    assert refused.code == 1
    assert "`app seed --force`" in refused.error
    assert "1  friends" in forced.out


def test_nothing_to_add_is_reported(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "__path__", [])

    assert app("seed").out.startswith("No feature has seed data")
