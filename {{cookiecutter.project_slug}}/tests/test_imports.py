"""What a process that serves must not load: it costs memory in each worker, and time at each start."""

import subprocess
import sys
from pathlib import Path

import pytest

# The command line, the tests, and what only some requests or settings need.
LOADED_WHEN_NEEDED = {"click", "httpx2", "pyotp", "pytest", "redis", "rich", "segno", "typer", "xlsxwriter", "zxcvbn"}


@pytest.mark.any_database
def test_app_loads_nothing_that_it_may_never_need() -> None:
    command = [sys.executable, "-c", "import sys, app.main; print(*sys.modules)"]
    folder = Path(__file__).parent.parent

    loaded = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603 - ours

    assert {name.partition(".")[0] for name in loaded.stdout.split()} & LOADED_WHEN_NEEDED == set()
