"""Messages show commands as the user invokes them."""

import ast
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.cli import COMMAND_MODULES
from app.commands.invocation import as_invoked
from tests.commands.conftest import Outcome

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(rf"\bapp ({'|'.join([*COMMAND_MODULES, 'new', 'add', 'destroy', 'check'])})\b")
ADVICE = "Run `app db upgrade`."


def messages(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each string of a module that is not a docstring, with its line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def test_commands_in_messages_are_in_backticks() -> None:
    modules = [*ROOT.glob("app/**/*.py"), *ROOT.glob("scaffold/*.py"), *ROOT.glob("dev.py")]

    unmarked = [
        (path.relative_to(ROOT), line, text)
        for path in modules
        for line, text in messages(path)
        for found in COMMAND.finditer(text)
        if text[: found.start()][-1:] != "`" and text != found[0]  # events name their source without backticks
    ]

    assert unmarked == []


def test_commands_print_with_say() -> None:
    modules = {*ROOT.glob("app/commands/*.py"), *ROOT.glob("scaffold/*.py")}
    plain = {path.name for path in modules if re.search(r"\b(typer\.echo|print)\(", path.read_text(encoding="utf-8"))}

    assert plain == {"introspection.py", "invocation.py", "openapi.py"}, (
        "print messages with say(); only data, such as .env.example, is printed unchanged"
    )


@pytest.mark.parametrize(
    ("program", "found", "invoked"),
    [
        pytest.param("/venv/bin/app", "/venv/bin/app", "app", id="active-venv"),
        pytest.param("/my venv/bin/app", None, "'/my venv/bin/app'", id="by-its-path"),
        pytest.param("/venv/bin/app", "/usr/bin/app", "/venv/bin/app", id="another-app"),
        pytest.param("/srv/app/__main__.py", sys.executable, "python -m app", id="container"),
        pytest.param("/srv/app/__main__.py", None, f"{sys.executable} -m app", id="python-by-its-path"),
    ],
)
def test_program_is_shown_by_name_or_path(
    monkeypatch: pytest.MonkeyPatch, program: str, found: str | None, invoked: str
) -> None:
    for name in ("DEV_PY", "UV_RUN_RECURSION_DEPTH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setattr(shutil, "which", lambda _: found)

    assert as_invoked(ADVICE) == f"Run `{invoked} db upgrade`."


def test_usage_shows_the_program_as_invoked(app: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEV_PY", "python3 dev.py")

    failed = app("serve", "--prot", "8001")

    assert failed.code == 2
    assert "Try 'python3 dev.py app serve --help' for help." in failed.error


@pytest.mark.skipif("new" not in COMMAND_MODULES, reason="scaffold is not part of the image")
def test_printed_advice_shows_the_command_as_invoked(
    app: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEV_PY", "python3 dev.py")

    failed = app("destroy", "User")

    assert failed.code == 1
    assert "`python3 dev.py app db upgrade`" in failed.error
