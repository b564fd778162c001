"""Imports: a server doesn't load what it may never need, which would cost memory and startup time."""

import subprocess
import sys
from pathlib import Path

import pytest

# Needed by commands, tests, or some requests and settings only.
LOADED_WHEN_NEEDED = {
    *("alembic", "click", "httpx2", "mako", "pygments", "pyotp", "pytest", "redis", "rich", "scaffold", "segno"),
    *("typer", "xlsxwriter", "zxcvbn"),
}
# `app serve` parses its command line, and Uvicorn imports Click.
LOADED_BY_SERVE = {"click", "typer"}

COMMAND_LINE = "import app.cli; app.cli.load_commands(['serve'])"
APP = "import app.main"
APP_DIR = Path(__file__).parents[1] / "app"


def packages_after(*steps: str) -> list[set[str]]:
    """Return the packages that a new process has imported after each of these statements."""
    code = "\n".join(["import sys", *(f"{step}\nprint(*sys.modules)" for step in steps)])
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, cwd=APP_DIR.parent, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return [{name.partition(".")[0] for name in line.split()} for line in loaded.stdout.splitlines()]


@pytest.mark.any_database
def test_server_imports_nothing_that_it_may_never_need() -> None:
    app, server = packages_after(APP, f"{COMMAND_LINE}; import app.commands.serve")

    assert app & LOADED_WHEN_NEEDED == set()
    assert server & LOADED_WHEN_NEEDED <= LOADED_BY_SERVE


@pytest.mark.any_database
def test_command_imports_only_what_it_needs() -> None:
    (loaded,) = packages_after(COMMAND_LINE)

    assert loaded & {*LOADED_WHEN_NEEDED, "fastapi", "sqlalchemy"} <= LOADED_BY_SERVE


def test_no_module_of_the_app_has_the_name_of_a_standard_module() -> None:
    """A script or tool that puts a folder of the app on `sys.path` would import it instead."""
    paths = [path for path in APP_DIR.rglob("*") if path.suffix == ".py" or path.is_dir()]

    assert len(paths) > 30
    assert [path for path in paths if path.stem in sys.stdlib_module_names] == []
