"""Imports: a server doesn't load what it may never need, which would cost memory and startup time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Needed by commands, tests, or some requests and settings only.
LOADED_WHEN_NEEDED = {
    *("aiosmtplib", "alembic", "click", "httpx2", "mako", "pygments", "pytest", "redis", "rich", "scaffold", "segno"),
    *("typer", "xlsxwriter", "zxcvbn"),
}
# `app serve` parses its command line, and Uvicorn imports Click.
LOADED_BY_SERVE = {"click", "typer"}

COMMAND_LINE = "import app.cli; app.cli.load_commands(['serve'])"
SERVER_PROCESS = "import app.__main__, app.commands.asgi; app.commands.asgi.build_app()"
UVICORN = "import app.commands.http_protocol"
APP_DIR = Path(__file__).parents[1] / "app"


def packages_after(*steps: str, database_url: str = "sqlite:///app.db") -> list[set[str]]:
    """Return the packages that a new process has imported after each of these statements."""
    variables = {"DATABASE_URL": database_url, "SECRET_KEY": "x" * 64}
    code = "\n".join(["import sys", *(f"{step}\nprint(*sys.modules)" for step in steps)])
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(  # noqa: S603 - our own command
        command, cwd=APP_DIR.parent, env=os.environ | variables, capture_output=True, text=True, check=True
    )
    return [{name.partition(".")[0] for name in line.split()} for line in loaded.stdout.splitlines()]


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("database_url", "of_other_databases"),
    [("sqlite:///app.db", {"asyncpg"}), ("postgresql://app@localhost/app", {"aiosqlite", "sqlite3"})],
    ids=["sqlite", "postgresql"],
)
def test_server_imports_nothing_that_it_may_never_need(database_url: str, of_other_databases: set[str]) -> None:
    """A process of `app serve --workers 2` imports `app.__main__`, but runs no command."""
    steps = SERVER_PROCESS, UVICORN, COMMAND_LINE
    process, with_uvicorn, alone = packages_after(*steps, database_url=database_url)

    assert process & (LOADED_WHEN_NEEDED | of_other_databases) == set()
    assert with_uvicorn & LOADED_WHEN_NEEDED == {"click"}
    assert alone & (LOADED_WHEN_NEEDED | of_other_databases) <= LOADED_BY_SERVE


@pytest.mark.any_database
def test_command_imports_only_what_it_needs() -> None:
    (loaded,) = packages_after(COMMAND_LINE)

    assert loaded & {*LOADED_WHEN_NEEDED, "fastapi", "sqlalchemy"} <= LOADED_BY_SERVE


def test_no_module_of_the_app_has_the_name_of_a_standard_module() -> None:
    """A script or tool that puts a folder of the app on `sys.path` would import it instead."""
    paths = [path for path in APP_DIR.rglob("*") if path.suffix == ".py" or path.is_dir()]

    assert len(paths) > 30
    assert [path for path in paths if path.stem in sys.stdlib_module_names] == []
