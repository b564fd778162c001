"""Every command explains itself, and a mistake is told in sentences."""

from collections.abc import Callable
from typing import Any

import pytest
import uvicorn

from app.cli import MODULES, load_commands
from app.commands import serve
from app.settings import load_settings
from tests.commands.conftest import Outcome

Run = Callable[..., Outcome]


@pytest.mark.parametrize("command", MODULES)
def test_every_command_explains_itself(app: Run, command: str) -> None:
    explained = app(command, "--help")

    assert explained.code == 0
    assert command in explained.out


def test_every_command_is_found_by_its_name() -> None:
    cli = load_commands([])

    commands = {command.name for command in cli.registered_commands}
    assert commands | {group.name for group in cli.registered_groups} == set(MODULES)


def test_wrong_settings_are_named_by_their_variables(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_POOL_SIZE", "many")
    monkeypatch.setenv("DATABASE_URL", "mysql://localhost/app")

    refused = app("settings")

    assert refused.code == 1
    for variable in ("SECRET_KEY", "DATABASE_POOL_SIZE", "DATABASE_URL"):
        assert f"{variable}: " in refused.error


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("SECRET_KEY", None, id="no-secret"),
        pytest.param("SECRET_KEY", "changethis", id="short-secret"),
        pytest.param("BASE_URL", "http://example.com", id="plain-http"),
        pytest.param("AUTH_ARGON2_MEMORY_KIB", "8", id="cheap-hashes"),
        pytest.param("SERVER_TRUSTED_PROXIES", "*", id="any-proxy"),
    ],
)
def test_server_does_not_start_in_production_with(
    app: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None
) -> None:
    """Behaviour 146."""
    monkeypatch.setattr(uvicorn, "run", lambda *_, **__: pytest.fail("it was started"))
    safe = {"ENVIRONMENT": "production", "SECRET_KEY": "s" * 40, "BASE_URL": "https://example.com"}
    for name, text in {**safe, variable: value}.items():
        if text is not None:
            monkeypatch.setenv(name, text)

    refused = app("serve")

    assert refused.code == 1
    assert variable in refused.error


def test_serve_passes_the_settings_on_to_uvicorn(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda *_, **options: passed.update(options))
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")
    monkeypatch.setenv("SERVER_TRUSTED_PROXIES", "10.0.0.0/8")

    done = app("serve", "--port", "8123", "--workers", "2")

    assert done.code == 0
    assert "http://127.0.0.1:8123/" in done.out
    assert (passed["port"], passed["workers"], passed["reload"]) == (8123, 2, False)
    assert passed["forwarded_allow_ips"] == ["10.0.0.0/8"]
    assert passed["timeout_graceful_shutdown"] == serve.GRACEFUL_SHUTDOWN_SECONDS
    assert load_settings().base_url.port == 8123  # for the processes that Uvicorn starts
