"""Every command explains itself, and a mistake is told in sentences."""

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
def test_every_command_explains_itself(app: Run, command: str) -> None:
    explained = app(command, "--help")

    assert explained.code == 0
    assert command in explained.out


def test_every_command_is_found_by_its_name() -> None:
    cli = load_commands([])

    commands = {command.name for command in cli.registered_commands}
    assert commands | {group.name for group in cli.registered_groups} == set(COMMAND_MODULES)


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


@pytest.mark.parametrize(
    ("name", "value", "program"),
    [
        ("DEV_PY", "python3 dev.py", "python3 dev.py app"),
        ("UV_RUN_RECURSION_DEPTH", "1", "uv run app"),
        ("UNRELATED", "1", "app"),
    ],
)
def test_a_message_names_a_command_as_it_is_typed_there(
    app: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, program: str
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(error_messages, "MIGRATIONS_DIR", Path.cwd() / "migrations")  # the project itself may be set up

    refused = app("db", "upgrade")

    assert refused.code == 1
    assert f"SECRET_KEY: Field required (`{program} setup` makes one)" in refused.error


def test_a_missing_secret_is_looked_for_where_the_project_is(
    app: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / ".env").touch()
    monkeypatch.setattr(error_messages, "MIGRATIONS_DIR", project / "migrations")

    assert f"it is in {project / '.env'}: run the command in {project}" in app("db", "upgrade").error


def test_serve_refuses_a_taken_port_before_it_says_anything(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")
    monkeypatch.setenv("DEV_PY", "python3 dev.py")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        refused = app("serve", "--port", str(port))

    assert (refused.code, refused.out) == (1, "")
    assert refused.error == (
        f"app: cannot listen on 127.0.0.1, port {port}: Address already in use: "
        f"try `python3 dev.py run --port {port + 1}`."
    )


def test_serve_refuses_an_address_of_another_machine(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")

    assert "check SERVER_HOST" in app("serve", "--host", "192.0.2.1").error


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param("LOG_LEVEL=debug".encode("utf-16"), "is not UTF-8: save it with this encoding.", id="utf-16"),
        pytest.param("LOG_LEVEL=debug".encode("utf-16-le"), "line 1: write NAME=value, in UTF-8.", id="utf-16-le"),
        pytest.param("PROJECT_NAME=Café".encode("latin-1"), "is not UTF-8", id="latin-1"),
        pytest.param(b"# a comment\nSECRET_KEY\n", "line 2: write NAME=value", id="no-value"),
        pytest.param(b"DATABSE_URL=sqlite:///x.db", "no setting DATABSE_URL: write DATABASE_URL.", id="misspelled"),
        pytest.param(b"secret_kye=x", "no setting secret_kye: write SECRET_KEY.", id="misspelled-in-lower-case"),
        pytest.param(b"DATABASE_PASSWORD=a${X}b", "DATABASE_PASSWORD refers to ${X}, which is not set.", id="unset"),
        pytest.param(b"DATABASE_PASSWORD='a${X}b'", "DATABASE_PASSWORD refers to ${X}", id="quoted"),
    ],
)
def test_an_env_file_that_would_be_misread_is_refused(app: Run, content: bytes, sentence: str) -> None:
    Path(".env").write_bytes(content)

    for refused in (app("setup"), app("settings"), app("serve")):
        assert refused.code == 1
        assert sentence in refused.error
        assert str(Path(".env").resolve()) in refused.error
        assert refused.error.count("\n") == 0
    assert Path(".env").read_bytes() == content


def test_an_env_file_may_have_variables_of_others(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "from the environment")
    lines = ("\ufeffTHERE=from the file", "export SECRET_KEY=${HERE}, and ${THERE}, ${NOWHERE:-by default}")
    Path(".env").write_text("\r\n".join([*lines, "COMPOSE_PROJECT_NAME=shop", "DATABASE_PUBLIC_URL=x"]))

    assert app("settings").code == 0
    secret = load_settings().secret_key.get_secret_value()
    assert secret == "from the environment, and from the file, by default"


@pytest.mark.parametrize(("variable", "value"), [("LOG_LEVEL", "verbose"), ("DATABASE_URL", "sqlite:////no/folder/x")])
def test_a_server_does_not_start_with_a_wrong_setting(
    app: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setattr(uvicorn, "run", lambda *_, **__: pytest.fail("it was started"))
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")
    monkeypatch.setenv(variable, value)

    refused = app("serve")

    assert (refused.code, refused.out) == (1, "")
    assert f"{variable}: " in refused.error


def test_the_port_of_a_platform_is_read(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")
    monkeypatch.setenv("PORT", "8124")

    assert load_settings().server.port == 8124
    assert re.search(r"SERVER_PORT +8124 +PORT\n", app("settings").out)
    monkeypatch.setenv("SERVER_PORT", "8125")
    assert load_settings().server.port == 8125
    monkeypatch.delenv("SERVER_PORT")
    monkeypatch.setenv("PORT", "eighty")
    assert "SERVER_PORT: " in app("serve").error


def test_serve_passes_the_settings_on_to_uvicorn(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda *_, **options: passed.update(options))
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")
    monkeypatch.setenv("SERVER_TRUSTED_PROXIES", "10.0.0.0/8")

    port = free_port()

    done = app("serve", "--port", str(port), "--workers", "2")

    assert done.code == 0
    assert (passed["port"], passed["workers"], passed["reload"]) == (port, 2, False)
    assert passed["forwarded_allow_ips"] == ["10.0.0.0/8"]
    assert passed["timeout_graceful_shutdown"] == serve.GRACEFUL_SHUTDOWN_SECONDS
    assert load_settings().base_url.port == port  # for the processes that Uvicorn starts
