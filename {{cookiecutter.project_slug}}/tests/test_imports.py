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


def packages_after(code: str) -> set[str]:
    """Return which packages a process of its own has loaded when this has run."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    folder = Path(__file__).parent.parent
    loaded = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return {name.partition(".")[0] for name in loaded.stdout.split()}


@pytest.mark.any_database
def test_app_loads_nothing_that_it_may_never_need() -> None:
    assert packages_after("import app.main") & LOADED_WHEN_NEEDED == set()


@pytest.mark.any_database
def test_server_carries_no_other_command() -> None:
    code = "import app.cli, app.commands.serve\napp.cli.load_commands(['serve'])\nimport app.main"

    assert packages_after(code) & LOADED_WHEN_NEEDED <= LOADED_BY_SERVE


@pytest.mark.any_database
def test_command_line_waits_for_nothing_but_the_command() -> None:
    loaded = packages_after("import app.cli\napp.cli.load_commands(['serve'])")

    assert loaded & {*LOADED_WHEN_NEEDED, "fastapi", "sqlalchemy"} <= LOADED_BY_SERVE
