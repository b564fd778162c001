"""Duration of an import with the maximum number of rows, during concurrent writes.

    python3 -m benchmarks.imports

Generates a project, and previews and imports 5,000 notes over HTTP on both databases, while another
client writes a note every 20 ms. Each line has the elapsed seconds, the CPU seconds, and the
longest of the concurrent writes.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import fireup
from tests.serving import environment

INSIDE = Path(__file__).with_name("imports_inside.py")


def run_in_project(test: Path) -> None:
    """Run a test in a new project, on both databases."""
    with tempfile.TemporaryDirectory() as folder:
        project = fireup.generate(Path(folder) / "my_project", {})
        python = fireup.install(fireup.PROJECT / "requirements-dev.txt")
        shutil.copy(test, project / "tests/admin/test_speed.py")
        command = [
            python,
            "-m",
            "pytest",
            "-q",
            "-s",
            "--database",
            "both",
            "tests/admin/test_speed.py",
        ]
        print("load", os.getloadavg()[0])
        subprocess.run(command, cwd=project, env=environment(), check=True)


if __name__ == "__main__":
    run_in_project(INSIDE)
