"""Help of each command, and error messages for invalid settings and arguments."""

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from app.cli import COMMAND_MODULES, load_commands
from app.commands import error_messages, serve
from app.settings.config import load_settings
from tests.commands.conftest import Outcome
from tests.postgres import free_port

Run = Callable[..., Outcome]


@pytest.mark.parametrize("command", COMMAND_MODULES)
def test_every_command_has_help(app: Run, command: str) -> None:
    printed = app(command, "--help")

    assert printed.code == 0
    assert command in printed.out


def test_every_command_is_registered_under_its_name() -> None:
    cli = load_commands([])

    commands = {command.name for command in cli.registered_commands}
    assert commands | {group.name for group in cli.registered_groups} == set(COMMAND_MODULES)


def test_invalid_settings_are_reported_by_variable(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = {
        "SECRET_KEY": ("short", "must have at least 32 characters"),
        "LOG_LEVEL": ("verbose", "must be 'debug', 'info', 'warning' or 'error'"),
        "DATABASE_URL": ("mysql://localhost/app", "use postgresql://… or sqlite:///…"),
        "DATABASE_POOL_SIZE": ("many", "must be an integer"),
        "SERVER_READ_TIMEOUT": ("0", "must be greater than 0 seconds"),
        "BASE_URL": ("example.com", "must be a URL such as https://example.com"),
        "AUTH_LOGIN_WINDOW": ("soon", "must be a duration such as 250ms, 90 (seconds), 10m, 12h or 14d"),
        "JOBS_IN_SERVER": ("maybe", "must be true or false"),
        "CLEANUP_EVENT_RETENTION": ("1h", "must be at least 1d"),
    }
    for variable, (value, _) in messages.items():
        monkeypatch.setenv(variable, value)

    failed = app("settings")

    assert failed.code == 1
    assert failed.error.splitlines()[1:-1] == [f"  {name}: {message}" for name, (_, message) in messages.items()]


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
def test_server_does_not_start_with_unsafe_production_settings(
    app: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None
) -> None:
    """Behaviour 146."""
    monkeypatch.setattr(uvicorn, "run", lambda *_, **__: pytest.fail("the server was started"))
    safe = {"ENVIRONMENT": "production", "SECRET_KEY": "s" * 40, "BASE_URL": "https://example.com"}
    for name, text in {**safe, variable: value}.items():
        if text is not None:
            monkeypatch.setenv(name, text)

    failed = app("serve")

    assert failed.code == 1
    assert variable in failed.error


@pytest.mark.parametrize(
    ("name", "value", "program"),
    [
        ("DEV_PY", "python3 dev.py", "python3 dev.py app"),
        ("UV_RUN_RECURSION_DEPTH", "1", "uv run app"),
        ("UNRELATED", "1", "app"),
    ],
)
def test_message_shows_the_command_as_invoked(
    app: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, program: str
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(error_messages, "MIGRATIONS_DIR", Path.cwd() / "migrations")  # the project itself may be set up

    failed = app("db", "upgrade")

    assert failed.code == 1
    assert f"SECRET_KEY: not set (run `{program} setup` to generate one)" in failed.error


def test_missing_secret_is_found_in_the_project_directory(
    app: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / ".env").touch()
    monkeypatch.setattr(error_messages, "MIGRATIONS_DIR", project / "migrations")

    assert f"found in {project / '.env'}: run the command from {project}" in app("db", "upgrade").error


def test_serve_rejects_a_port_in_use_before_it_prints_anything(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")
    monkeypatch.setenv("DEV_PY", "python3 dev.py")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        failed = app("serve", "--port", str(port))

    assert (failed.code, failed.out) == (1, "")
    assert failed.error == (
        f"app: cannot listen on 127.0.0.1, port {port}: Address already in use: "
        f"try `python3 dev.py run --port {port + 1}`."
    )


def test_serve_rejects_an_address_of_another_machine(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")

    assert "check SERVER_HOST" in app("serve", "--host", "192.0.2.1").error


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("LOG_LEVEL=debug".encode("utf-16"), "is not UTF-8. Save it as UTF-8.", id="utf-16"),
        pytest.param("LOG_LEVEL=debug".encode("utf-16-le"), "line 1: invalid syntax. Use NAME=value.", id="utf-16-le"),
        pytest.param("PROJECT_NAME=Café".encode("latin-1"), "is not UTF-8", id="latin-1"),
        pytest.param(b"# a comment\nSECRET_KEY\n", "line 2: invalid syntax. Use NAME=value.", id="no-value"),
        pytest.param(
            b"DATABSE_URL=sqlite:///x.db", "unknown setting DATABSE_URL. Did you mean DATABASE_URL?", id="misspelled"
        ),
        pytest.param(
            b"secret_kye=x", "unknown setting secret_kye. Did you mean SECRET_KEY?", id="misspelled-in-lower-case"
        ),
        pytest.param(b"DATABASE_PASSWORD=a${X}b", "DATABASE_PASSWORD references ${X}, which is not set.", id="unset"),
        pytest.param(b"DATABASE_PASSWORD='a${X}b'", "DATABASE_PASSWORD references ${X}", id="quoted"),
    ],
)
def test_invalid_env_file_is_rejected(app: Run, content: bytes, message: str) -> None:
    Path(".env").write_bytes(content)

    for failed in (app("setup"), app("settings"), app("serve")):
        assert failed.code == 1
        assert message in failed.error
        assert str(Path(".env").resolve()) in failed.error
        assert failed.error.count("\n") == 0
    assert Path(".env").read_bytes() == content


def test_env_file_can_contain_unrelated_variables(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "from the environment")
    lines = ("\ufeffTHERE=from the file", "export SECRET_KEY=${HERE}, and ${THERE}, ${NOWHERE:-by default}")
    Path(".env").write_text("\r\n".join([*lines, "COMPOSE_PROJECT_NAME=shop", "DATABASE_PUBLIC_URL=x"]))

    assert app("settings").code == 0
    secret = load_settings().secret_key.get_secret_value()
    assert secret == "from the environment, and from the file, by default"


@pytest.mark.parametrize(("variable", "value"), [("LOG_LEVEL", "verbose"), ("DATABASE_URL", "sqlite:////no/folder/x")])
def test_server_does_not_start_with_an_invalid_setting(
    app: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setattr(uvicorn, "run", lambda *_, **__: pytest.fail("the server was started"))
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")
    monkeypatch.setenv(variable, value)

    failed = app("serve")

    assert (failed.code, failed.out) == (1, "")
    assert f"{variable}: " in failed.error


def test_port_variable_of_hosting_platforms_is_read(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")
    monkeypatch.setenv("PORT", "8124")

    assert load_settings().server.port == 8124
    assert re.search(r"SERVER_PORT +8124 +PORT\n", app("settings").out)
    monkeypatch.setenv("SERVER_PORT", "8125")
    assert load_settings().server.port == 8125
    monkeypatch.delenv("SERVER_PORT")
    monkeypatch.setenv("PORT", "eighty")
    assert "SERVER_PORT: " in app("serve").error


def test_serve_passes_settings_to_uvicorn(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda *_, **options: passed.update(options))
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")
    port = free_port()

    done = app("serve", "--port", str(port), "--workers", "2")

    assert done.code == 0
    assert (passed["port"], passed["workers"], passed["reload"]) == (port, 2, False)
    assert passed["proxy_headers"] is False, "the app reads them, from SERVER_TRUSTED_PROXIES"
    assert passed["timeout_graceful_shutdown"] == serve.GRACEFUL_SHUTDOWN_SECONDS
    assert load_settings().base_url.port == port  # for the processes that Uvicorn starts
