"""Run `app …` as the console script does, in this process, on the test database."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from app.cli import load_commands, run


class Outcome(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    error: str


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command: `app("users", "create-admin", "--email", "ada@example.com")`."""
    for name in ("DEV_PY", "UV_RUN_RECURSION_DEPTH"):  # messages show `app …`
        monkeypatch.delenv(name, raising=False)

    def run_app(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["app", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run(load_commands(arguments))
        printed = capsys.readouterr()
        code = ended.value.code
        message = code if isinstance(code, str) else ""  # sys.exit(message) prints it and exits with 1
        return Outcome(1 if message else int(code or 0), printed.out, printed.err + message)

    return run_app


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    """Configure a secret key, a migrated database, minimal hashing cost and no delay after a failed sign-in."""
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("AUTH_ARGON2_MEMORY_KIB", "8")
    monkeypatch.setenv("AUTH_LOGIN_MIN_RESPONSE_TIME", "PT0S")
