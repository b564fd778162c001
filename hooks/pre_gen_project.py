"""Reject answers that would not give a working project, before any file is written.

Cookiecutter fills in the answers below and runs this file with its own Python (3.10 or later),
in the new, still empty directory. Standard library only. local_extensions.py runs the same checks
earlier, so that cookiecutter prints only the message; this hook covers answers without a prompt.
"""

import json
import keyword
import re
import sys
from collections.abc import Mapping
from pathlib import Path

# 36 double-width characters (Chinese, Korean) still fit on one line of Python.
MAX_LENGTH = {"project_name": 36, "project_slug": 50, "description": 200, "author": 100}

RESERVED = {
    "a Python keyword": frozenset(keyword.kwlist),
    "a module of Python's standard library": sys.stdlib_module_names,
    "a reserved device name on Windows": frozenset(
        {"aux", "con", "nul", "prn"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}
    ),
}

# A double quote or a backslash would end or escape the string that contains the answer in Python
# and TOML; braces would be rendered when the project is generated again for an update.
FORBIDDEN = '"\\{}'


def validation_error(answers: Mapping[str, str]) -> str | None:
    """Return a message that says how to fix the first invalid answer, or None if all are valid."""
    for key in ("project_name", "description", "author"):
        if error := _text_error(answers[key], max_length=MAX_LENGTH[key]):
            return f"{key} {error}."
    slug = answers["project_slug"]
    if error := _slug_error(slug):
        return f"project_slug {error}: use project_slug={suggest_slug(slug)}."
    return None


def suggest_slug(slug: str) -> str:
    """Return a valid directory name that resembles an invalid one."""
    words = re.sub(r"[^a-z0-9]+", "_", slug.lower()).strip("_")
    words = words[: MAX_LENGTH["project_slug"] - len("my_")].rstrip("_")
    if _slug_error(words) is None:
        return words
    return f"my_{words or 'project'}"


def _text_error(text: str, *, max_length: int) -> str | None:
    if not text.strip():
        return "is empty: enter some text"
    if len(text) > max_length:
        return f"is {len(text)} characters long: use at most {max_length}"
    if not text.isprintable():
        return "contains an unprintable character: use one line of plain text"
    if any(character in text for character in FORBIDDEN):
        return f"contains one of the characters {' '.join(FORBIDDEN)} : remove it"
    return None


def _slug_error(slug: str) -> str | None:
    if not slug:
        return "is empty"
    if len(slug) > MAX_LENGTH["project_slug"]:
        return f"is longer than {MAX_LENGTH['project_slug']} characters"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", slug):
        return "must start with a letter and contain only a-z, 0-9 and _"
    return next(
        (f"is {slug}, {reason}" for reason, names in RESERVED.items() if slug in names), None
    )


def main() -> None:
    """Check the answers, and that no existing file would be overwritten."""
    answers = json.loads(r"""{{ cookiecutter | jsonify }}""")
    message = validation_error(answers)
    if message is None and any(Path.cwd().iterdir()):
        message = f"{Path.cwd()} is not empty: move it or choose another project_slug."
    if message is not None:
        sys.exit(message)


if __name__ == "__main__":
    main()
