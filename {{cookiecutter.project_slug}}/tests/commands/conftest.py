"""Run `app …` as the console script does, in this process, on the database of the test."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from app.cli import load_commands, run


class Outcome(NamedTuple):
    """What a command printed, and how it ended."""

    code: int
    out: str
    error: str


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command: `app("users", "create-admin", "--email", "ada@example.com")`."""
    for name in ("DEV_PY", "UV_RUN_RECURSION_DEPTH"):  # messages say `app …`
        monkeypatch.delenv(name, raising=False)

    def run_app(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["app", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run(load_commands(arguments))
        printed = capsys.readouterr()
        code = ended.value.code
        said = code if isinstance(code, str) else ""  # sys.exit("sentence") prints it and ends with 1
        return Outcome(1 if said else int(code or 0), printed.out, printed.err + said)

    return run_app


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    """Set what a command needs: a secret key, a migrated database, cheap hashes, and no wait after a wrong password."""
    monkeypatch.setenv("SECRET_KEY", "the tests' secret key: it protects nothing")
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("AUTH_ARGON2_MEMORY_KIB", "8")
    monkeypatch.setenv("AUTH_LOGIN_MIN_RESPONSE_TIME", "PT0S")
