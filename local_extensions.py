"""Filters that check the answers, and that tell a project where it comes from.

Cookiecutter finds this file by its name, through `_extensions` in cookiecutter.json.
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

from hooks.pre_gen_project import refusal


class Origin(Extension):
    """Add the filters."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["refuse_unusable"] = refuse_unusable
        environment.filters["full_address"] = full_address
        environment.filters["git_commit"] = git_commit
        environment.filters["docs_address"] = docs_address


def refuse_unusable(answers: Mapping[str, str]) -> str:
    """Refuse what the hook would, with an error that cookiecutter prints without a traceback.

    Raises:
        FailedHookException: with a sentence that says what to write instead.
    """
    if sentence := refusal(answers):
        raise FailedHookException(sentence)
    return ""


def full_address(template: str) -> str:
    """Write out what people abbreviate: `gh:owner/name`, or a folder relative to theirs."""
    if Path(template).is_dir():
        return Path(template).resolve().as_posix()
    return str(expand_abbreviations(template, BUILTIN_ABBREVIATIONS))


def git_commit(folder: str) -> str:
    """Return the commit that a clone is at; nothing for a folder that is no clone."""
    if not Path(folder, ".git").exists():
        return ""
    return _git(folder, "rev-parse", "HEAD")


def docs_address(template: str) -> str:
    """Return where to read the template's docs/: on the site that hosts it, else in the folder."""
    address = full_address(template)
    if Path(address, ".git").exists():
        address = _git(address, "remote", "get-url", "origin") or address
    hosted = re.fullmatch(r"(?:\w+://)?(?:[^@/]*@)?([\w.-]+\.\w+)[:/](.+?)(?:\.git)?/?", address)
    return f"https://{hosted[1]}/{hosted[2]}/blob/HEAD/docs" if hosted else f"{address}/docs"


def _git(folder: str, *arguments: str) -> str:
    """Return what git prints; nothing when it fails or is not installed."""
    line = ["git", "-C", folder, *arguments]
    try:
        done = subprocess.run(line, check=False, capture_output=True, text=True)  # noqa: S603 - ours
    except OSError:
        return ""
    return done.stdout.strip()
