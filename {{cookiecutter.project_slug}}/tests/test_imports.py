"""What a process that serves must not load: it costs memory in each worker, and time at each start."""

import subprocess
import sys
from pathlib import Path

import pytest

# The command line, the tests, and what only some requests or settings need.
LOADED_WHEN_NEEDED = {
    *("alembic", "click", "httpx2", "mako", "pygments", "pyotp", "pytest", "redis", "rich", "scaffold", "segno"),
    *("typer", "xlsxwriter", "zxcvbn"),
}
# The server's own process has read its command line, and so has Uvicorn, which is made with Click.
LOADED_BY_SERVE = {"click", "typer"}


COMMAND_LINE = "import app.cli; app.cli.load_commands(['serve'])"
APP = "import app.main"


def packages_after(*steps: str) -> list[set[str]]:
    """Return which packages a process of its own has loaded after each of these lines."""
    code = "\n".join(["import sys", *(f"{step}\nprint(*sys.modules)" for step in steps)])
    folder = Path(__file__).parent.parent
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return [{name.partition(".")[0] for name in line.split()} for line in loaded.stdout.splitlines()]


@pytest.mark.any_database
def test_server_loads_nothing_that_it_may_never_need() -> None:
    app, server = packages_after(APP, f"{COMMAND_LINE}; import app.commands.serve")

    assert app & LOADED_WHEN_NEEDED == set()
    assert server & LOADED_WHEN_NEEDED <= LOADED_BY_SERVE


@pytest.mark.any_database
def test_command_line_waits_for_nothing_but_the_command() -> None:
    (loaded,) = packages_after(COMMAND_LINE)

    assert loaded & {*LOADED_WHEN_NEEDED, "fastapi", "sqlalchemy"} <= LOADED_BY_SERVE


def test_no_module_of_the_app_shadows_one_of_python() -> None:
    """A tool that puts the folder `app` on the path would import ours instead."""
    names = {path.stem for path in (Path(__file__).parent.parent / "app").iterdir()}

    assert names & sys.stdlib_module_names == set()
