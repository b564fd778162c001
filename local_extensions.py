"""Two filters for the project's .cruft.json: which template, and which commit, made the project.

Cookiecutter finds this file by its name, through `_extensions` in cookiecutter.json.
"""

import subprocess
from pathlib import Path

from cookiecutter.config import BUILTIN_ABBREVIATIONS
from cookiecutter.repository import expand_abbreviations
from jinja2 import Environment
from jinja2.ext import Extension


class Origin(Extension):
    """Add the filters."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["full_address"] = full_address
        environment.filters["git_commit"] = git_commit


def full_address(template: str) -> str:
    """Write out what people abbreviate: `gh:owner/name`, or a folder relative to theirs."""
    if Path(template).is_dir():
        return Path(template).resolve().as_posix()
    return str(expand_abbreviations(template, BUILTIN_ABBREVIATIONS))


def git_commit(folder: str) -> str:
    """Return the commit that a clone is at; nothing for a folder that is no clone."""
    if not Path(folder, ".git").exists():
        return ""
    git = ["git", "-C", folder, "rev-parse", "HEAD"]
    done = subprocess.run(git, check=False, capture_output=True, text=True)  # noqa: S603 - ours
    return done.stdout.strip()
