"""Rewrite `app …` in messages to the command the user typed, such as `python3 dev.py app …`."""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import typer

DEV_PY_VARIABLE = "DEV_PY"
"""Set by `dev.py` to the command that started it, such as `python3 dev.py`."""


def say(text: str, *, error: bool = False) -> None:
    """Print a message, with commands as the user invokes them."""
    typer.echo(as_invoked(text), err=error)


def as_invoked(text: str) -> str:
    """Replace each `app …` in a message with the command as the user invokes it."""
    dev = os.environ.get(DEV_PY_VARIABLE)
    if dev:
        text = text.replace("`app serve", f"`{dev} run")
    return re.sub(r"`app (?=\w)", lambda _: f"`{program()} ", text)


def program() -> str:
    """Return how the user invoked `app`."""
    if dev := os.environ.get(DEV_PY_VARIABLE):
        return f"{dev} app"
    if "UV_RUN_RECURSION_DEPTH" in os.environ:  # set by `uv run`
        return "uv run app"
    if Path(sys.argv[0]).name == "__main__.py":
        return f"{_name_or_path('python', sys.executable)} -m app"
    return _name_or_path("app", sys.argv[0])


def _name_or_path(name: str, file: str) -> str:
    """Return the name if it is this file on the PATH, otherwise the path: `.venv` may not be active."""
    return name if shutil.which(name) == file else shlex.quote(file)
