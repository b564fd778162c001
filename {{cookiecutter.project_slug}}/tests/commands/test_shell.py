"""`app shell`."""

import io
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.conftest import Outcome
from tests.server import process_environment

Run = Callable[..., Outcome]

pytestmark = pytest.mark.usefixtures("configured")

RENAME = """
ada = await session.scalar(select(User).where(User.email == "ada@example.com"))
ada.display_name = "Countess"
"""
NAME = "print(await session.scalar(select(User.display_name).where(User.email == 'ada@example.com')))"


@pytest.fixture
def ada(app: Run, configured: None) -> str:  # noqa: ARG001 - before the first command
    assert app("users", "create", "--email", "ada@example.com").code == 0
    return "ada@example.com"


@pytest.fixture
def script(app: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a script from standard input."""

    def run(text: str, *arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        return app("shell", *arguments)

    return run


@pytest.mark.usefixtures("ada")
def test_script_saves_what_it_commits(app: Run, script: Run) -> None:
    done = script(f"{RENAME}await session.commit()")

    assert done == (0, "", "")
    assert app("shell", "-c", NAME).out == "Countess\n"


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("flush", ["", "await session.flush()"], ids=["pending", "flushed"])
def test_script_without_commit_saves_nothing_and_says_so(app: Run, script: Run, flush: str) -> None:
    done = script(RENAME + flush)

    assert (done.code, done.out) == (0, "")
    assert done.error == "Your changes were rolled back. Only `await session.commit()` saves changes.\n"
    assert app("shell", "-c", NAME).out == "\n"


def test_scope_is_of_the_chosen_user_or_the_system(app: Run, ada: str) -> None:
    show = "print(scope.email, sorted(scope.roles), scope.user_id == await session.scalar(select(User.id)))"

    assert app("shell", "-c", show).out == " ['admin'] False\n"
    assert app("shell", "--as", ada, "-c", show).out == f"{ada} [] True\n"
    assert app("users", "promote", "--email", ada).code == 0
    assert app("shell", "--as", ada, "-c", show).out == f"{ada} ['admin'] True\n"


def test_unknown_and_disabled_users_are_rejected(app: Run, ada: str) -> None:
    assert app("users", "create-admin", "--email", "admin@example.com").code == 0  # an active one must remain
    assert app("users", "disable", "--email", ada).code == 0

    for email, message in (
        ("eve@example.com", "User not found. No account with the email address eve@example.com."),
        (ada, "Account disabled. ada@example.com is disabled."),
    ):
        assert app("shell", "--as", email, "-c", "print(1)") == (1, "", f"app: {message}")


def test_error_in_a_script_is_raised(script: Run) -> None:
    with pytest.raises(ZeroDivisionError):
        script("print('before')\n1 / 0")


def test_script_chooses_the_exit_code(script: Run) -> None:
    assert script("raise SystemExit(3)").code == 3
    assert script("await (await session.connection()).exec_driver_sql('SELECT 1')").code == 0


def test_unavailable_database_is_reported(script: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+asyncpg://app@127.0.0.1:1/app")

    done = script("print(1)")

    assert (done.code, done.out) == (1, "")
    assert done.error.startswith("app: The database")
    assert done.error.count("\n") == 0


class Terminal:
    """A process on a pseudo-terminal."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self._own, theirs = pty.openpty()
        self.process = subprocess.Popen(  # noqa: S603 - trusted arguments
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=folder, start_new_session=True
        )
        os.close(theirs)

    def type(self, text: str) -> str:
        """Type a text, and return what is printed until the next prompt."""
        os.write(self._own, text.encode())
        return self.read(">>> ")

    def read(self, end: str) -> str:
        """Return what is printed until then."""
        printed, deadline = "", time.monotonic() + 60
        while not printed.endswith(end):
            assert select.select([self._own], [], [], deadline - time.monotonic())[0], printed
            printed += os.read(self._own, 4096).decode()
        return printed

    def close(self) -> int:
        """Type Ctrl-D and return the exit code."""
        os.write(self._own, b"\x04")
        return self.process.wait(timeout=60)


def test_prompt_awaits_and_goes_on_after_errors(app: Run, ada: str, database_url: str, tmp_path: Path) -> None:
    environment = process_environment(tmp_path) | {"DATABASE_URL": database_url, "TERM": "dumb"}
    terminal = Terminal([sys.executable, "-m", "app", "shell", "--as", ada], environment, tmp_path)
    greeting = terminal.read(">>> ")

    assert "Only `await session.commit()` saves changes." in greeting
    assert "ada@example.com" in terminal.type("ada = await session.get(User, scope.user_id); ada.email\n")
    failed = terminal.type("await session.get(User, 1 / 0)\n")
    assert "ZeroDivisionError" in failed
    assert "runners.py" not in failed
    assert app("users", "create", "--email", "bob@example.com").code == 0  # nothing is locked
    terminal.type("ada.display_name = 'Countess'\n")
    terminal.type("await session.commit()\n")
    assert terminal.close() == 0
    assert app("shell", "-c", NAME).out == "Countess\n"
