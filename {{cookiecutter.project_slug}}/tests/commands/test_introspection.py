"""`app routes`, `app features` and `app settings`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.commands.introspection import env_example
from tests.commands.conftest import Outcome

Run = Callable[..., Outcome]

SECRET = "the tests' secret key: it protects nothing"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", SECRET)


def test_routes_show_the_source_of_each_endpoint(app: Run) -> None:
    line = next(line for line in app("routes").out.splitlines() if "PATCH" in line and "/sample-notes/" in line)

    assert line.split()[:2] == ["PATCH", "/api/v1/sample-notes/{note_id}"]
    assert line.split()[2].startswith("tests/sample/sample_notes/routes.py:")


def test_features_show_their_modules(app: Run) -> None:
    found = [line.split() for line in app("features").out.splitlines()]

    assert ["sample_notes", "models", "routes"] in [line[:3] for line in found]


def test_settings_show_values_and_sources_and_mask_secrets(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("LOG_LEVEL=debug\n")
    Path("secrets").mkdir()
    Path("secrets/database_password").write_text("hunter2-from-a-file\n")
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:hunter2@db.example/app")
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", f"{SECRET}1,{SECRET}2")

    shown = app("settings").out

    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines()}
    assert rows["SECRET_KEY"] == ["********", "environment"]
    assert rows["SECRET_KEY_FALLBACKS"] == ["********,********", "environment"]
    assert rows["LOG_LEVEL"] == ["debug", ".env"]
    assert rows["DATABASE_PASSWORD"] == ["********", "secrets", "directory"]
    assert rows["DATABASE_URL"] == ["postgresql+asyncpg://ada:********@db.example/app", "environment"]
    assert rows["AUTH_REFRESH_IDLE"] == ["14d", "default"]
    assert "hunter2" not in shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:hunter2@h/db?password=hunter3", "postgresql+asyncpg://u:********@h/db?password=********"),
        ("postgresql://h/db?user=u&p%61ssword=hunter3", "postgresql+asyncpg://h/db?user=u&p%61ssword=********"),
        ("postgresql://h/db?password=hunter@3", "postgresql+asyncpg://h:********@3"),
        ("postgresql://u@h1:1,h2:2/db?application_name=a", "postgresql+asyncpg://u@h1:1,h2:2/db?application_name=a"),
    ],
)
def test_settings_mask_passwords_in_urls(app: Run, monkeypatch: pytest.MonkeyPatch, url: str, shown: str) -> None:
    names = ("DATABASE_URL", "DATABASE_DIRECT_URL", "DATABASE_READ_URL")
    for name in names:
        monkeypatch.setenv(name, url)
    monkeypatch.setenv("MAIL_URL", "smtp://u:hunter2@h")
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@h/0?password=hunter3")

    printed = app("settings").out

    rows = {line.split()[0]: line.split()[1] for line in printed.splitlines()}
    assert {rows[name] for name in names} == {shown}
    assert "hunter" not in printed


def test_settings_print_the_example(app: Run) -> None:
    assert app("settings", "--example").out == env_example()
