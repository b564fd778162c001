"""Jinja filters that validate the answers, and that record the template in the project.

Cookiecutter loads this file by name, through `_extensions` in cookiecutter.json.
"""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cookiecutter.config import BUILTIN_ABBREVIATIONS
from cookiecutter.exceptions import FailedHookException
from cookiecutter.repository import expand_abbreviations
from jinja2 import Environment
from jinja2.ext import Extension

from hooks.pre_gen_project import validation_error


class Origin(Extension):
    """Add the filters."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["validate_answers"] = validate_answers
        environment.filters["template_location"] = template_location
        environment.filters["git_commit"] = git_commit
        environment.filters["docs_url"] = docs_url


def validate_answers(answers: Mapping[str, str]) -> str:
    """Run the checks of the hook; cookiecutter prints the error without a traceback.

    Raises:
        FailedHookException: an answer is invalid.
    """
    if message := validation_error(answers):
        raise FailedHookException(message)
    return ""


def template_location(template: str) -> str:
    """Expand `gh:owner/name` and similar to a URL, or a relative path to an absolute one."""
    if Path(template).is_dir():
        return Path(template).resolve().as_posix()
    return str(expand_abbreviations(template, BUILTIN_ABBREVIATIONS))


def git_commit(folder: str) -> str:
    """Return the commit of a clone; empty if the folder is not a clone."""
    if not Path(folder, ".git").exists():
        return ""
    return _git(folder, "rev-parse", "HEAD")


def docs_url(template: str) -> str:
    """Return the URL of the template's docs/ on its hosting site, otherwise their path."""
    location = template_location(template)
    if Path(location, ".git").exists():
        location = _git(location, "remote", "get-url", "origin") or location
    hosted = re.fullmatch(r"(?:\w+://)?(?:[^@/]*@)?([\w.-]+\.\w+)[:/](.+?)(?:\.git)?/?", location)
    return f"https://{hosted[1]}/{hosted[2]}/blob/HEAD/docs" if hosted else f"{location}/docs"


def _git(folder: str, *arguments: str) -> str:
    """Return git's output; empty if it fails or is not installed."""
    line = ["git", "-C", folder, *arguments]
    try:
        done = subprocess.run(line, check=False, capture_output=True, text=True)  # noqa: S603 - ours
    except OSError:
        return ""
    return done.stdout.strip()
