"""The template's location and files."""

import subprocess
from collections.abc import Callable
from pathlib import Path

Answer = str | bool
Bake = Callable[..., Path]

TEMPLATE = Path(__file__).parent.parent
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"

MINIMAL = {"pages": False, "admin": False, "deploy": False}


def git_files(*options: str) -> list[str]:
    """List the template's files that git tracks, or others with options of `git ls-files`."""
    git = ["git", "-C", str(TEMPLATE), "ls-files", "-z", *options]
    listed = subprocess.run(git, check=True, capture_output=True, text=True).stdout
    return sorted(filter(None, listed.split("\0")))


def tree(folder: Path) -> dict[str, bytes]:
    """Return the contents of every file below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
