"""How long an import of the most rows takes, while others write.

    python3 -m benchmarks.imports

A project is generated, and 5,000 notes are previewed and imported through HTTP on both databases,
while somebody else writes a note every 20 ms. Each line has the seconds on the wall, those of
the processor, and the longest that one of the other writes took.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import fireup
from tests.serving import environment

INSIDE = Path(__file__).with_name("imports_inside.py")


def main() -> None:
    """Measure, and print what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        project = fireup.generate(Path(folder) / "my_project", {})
        python = fireup.install(fireup.PROJECT / "requirements-dev.txt")
        shutil.copy(INSIDE, project / "tests/admin/test_speed.py")
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
    main()
