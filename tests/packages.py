"""Projects with the same dependencies share their packages, as hard links.

Locking and installing them, and compiling their bytecode, would take seconds of each test.
test_runs.py and test_runners.py install projects as their users do.
"""

import os
import shutil
from pathlib import Path

_installed: dict[tuple[str, bytes], Path] = {}


def link_packages(project: Path, python: str) -> None:
    """Link the packages of a project that was installed before, with the same dependencies.

    `dev.py` then installs only what differs: the project itself.
    """
    first = _installed.setdefault((python, (project / "pyproject.toml").read_bytes()), project)
    stamp = first / ".venv" / "dev.stamp"  # written last, in place
    if stamp.exists() and not (project / ".venv").exists():
        shutil.copytree(
            stamp.parent,
            project / ".venv",
            symlinks=True,
            ignore=shutil.ignore_patterns(stamp.name),
            copy_function=os.link,
        )
        shutil.copy(first / "uv.lock", project)
