"""`app setup` and `app generate-secrets`: first-time setup."""

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.accounts.models import User
from app.database import revisions
from app.main import create_app
from app.settings.config import load_settings
from tests.commands.conftest import Outcome
from tests.support import in_database

Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch, empty_database_url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    monkeypatch.setenv("AUTH_ARGON2_MEMORY_KIB", "8")


def test_first_admin_can_sign_in_after_setup(app: Run) -> None:
    done = app("setup")

    printed = re.search(r"(\S+@\S+)\n\s+(\S+)", done.out)
    assert done.code == 0
    applied = re.search(r"^Applied migrations: (.*)\.$", done.out, re.MULTILINE)
    assert applied
    assert set(applied[1].split(", ")) == revisions.code_revisions().known
    assert printed
    assert len(printed[2]) >= load_settings().auth.password_min_length
    with TestClient(create_app()) as client:
        login = {"email": printed[1], "password": printed[2]}
        assert client.post("/api/v1/auth/login", json=login).status_code == 200
        assert client.get("/health/ready").status_code == 200


@pytest.mark.any_database
def test_setup_writes_a_private_env_file(app: Run) -> None:
    app("setup")

    assert stat.S_IMODE(Path(".env").stat().st_mode) == 0o600
    assert len(load_settings().secret_key.get_secret_value()) >= 48


def test_setup_is_idempotent(app: Run) -> None:
    """Behaviour 147."""
    printed = re.search(r"(\S+@\S+)\n\s+(\S+)", app("setup").out)
    before = Path(".env").read_bytes()

    again = app("setup")

    assert again.code == 0
    assert "nothing to do" in again.out
    assert "@" not in again.out
    assert Path(".env").read_bytes() == before
    assert printed
    with TestClient(create_app()) as client:
        login = {"email": printed[1], "password": printed[2]}
        assert client.post("/api/v1/auth/login", json=login).status_code == 200
        assert in_database(client, lambda session: session.scalar(select(func.count()).select_from(User))) == 1


@pytest.mark.any_database
def test_setup_appends_the_secret_to_an_existing_env_file(app: Run) -> None:
    Path(".env").write_text("LOG_LEVEL=debug\n# mine")

    done = app("setup")

    assert done.code == 0
    assert Path(".env").read_text().startswith("LOG_LEVEL=debug\n# mine\nSECRET_KEY=")
    assert stat.S_IMODE(Path(".env").stat().st_mode) == 0o600
    assert load_settings().log_level == "debug"


@pytest.mark.any_database
def test_setup_writes_no_file_if_a_setting_is_invalid(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_POOL_SIZE", "many")

    failed = app("setup")

    assert failed.code == 1
    assert "DATABASE_POOL_SIZE" in failed.error
    assert not Path(".env").exists()


@pytest.mark.any_database
def test_setup_writes_no_env_file_if_a_secret_is_configured(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "configured by the operator, elsewhere")

    assert app("setup").code == 0
    assert not Path(".env").exists()


@pytest.mark.any_database
def test_secrets_are_random_private_and_never_overwritten(app: Run) -> None:
    app("generate-secrets", "one")
    app("generate-secrets", "two")
    files = sorted(Path("one").iterdir())
    before = [file.read_text() for file in files]

    again = app("generate-secrets", "one")

    assert again.code == 0
    assert [file.name for file in files] == ["database_password", "secret_key"]
    assert [file.read_text() for file in files] == before
    assert before != [file.read_text() for file in sorted(Path("two").iterdir())]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
