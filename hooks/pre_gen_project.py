"""Refuse answers that would not give a working project, before anything is written.

Cookiecutter fills in the answers below and runs this file with its own Python (3.10 or newer),
in the new, still empty folder. Standard library only. local_extensions.py asks the same before:
then cookiecutter prints nothing but the sentence; this is for answers that it did not ask for.
"""

import json
import keyword
import re
import sys
from collections.abc import Mapping
from pathlib import Path

# A name of 36 letters as wide as two (Chinese, Korean) still fits on its line of Python.
LONGEST = {"project_name": 36, "project_slug": 50, "description": 200, "author": 100}

RESERVED = {
    "a word of the Python language": frozenset(keyword.kwlist),
    "a module of Python itself": sys.stdlib_module_names,
    "a device on Windows, in every folder": frozenset(
        {"aux", "con", "nul", "prn"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}
    ),
}

# A double quote or a backslash would end or escape the string that holds the answer in Python and
# TOML; a brace would be read as a mark when the project is rendered again for an update.
FORBIDDEN = '"\\{}'


def refusal(answers: Mapping[str, str]) -> str | None:
    """Return one sentence that says what to write instead, or None when all answers will do."""
    for key in ("project_name", "description", "author"):
        if fault := _text_fault(answers[key], longest=LONGEST[key]):
            return f"{key} {fault}."
    slug = answers["project_slug"]
    if fault := _slug_fault(slug):
        return f"project_slug {fault}: write project_slug={suggest_slug(slug)} instead."
    return None


def suggest_slug(slug: str) -> str:
    """Create a folder name that will do out of one that will not."""
    words = re.sub(r"[^a-z0-9]+", "_", slug.lower()).strip("_")
    words = words[: LONGEST["project_slug"] - len("my_")].rstrip("_")
    if _slug_fault(words) is None:
        return words
    return f"my_{words or 'project'}"


def _text_fault(text: str, *, longest: int) -> str | None:
    if not text.strip():
        return "is empty: write a few words"
    if len(text) > longest:
        return f"has {len(text)} characters: write at most {longest}"
    if not text.isprintable():
        return "holds a character that cannot be printed: write one line of plain text"
    if any(character in text for character in FORBIDDEN):
        return f"holds one of the characters {' '.join(FORBIDDEN)} : write it without them"
    return None


def _slug_fault(slug: str) -> str | None:
    if not slug:
        return "is empty"
    if len(slug) > LONGEST["project_slug"]:
        return f"has {len(slug)} characters, and at most {LONGEST['project_slug']} are possible"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", slug):
        return "may hold only the letters a-z, digits and _, and starts with a letter"
    return next((f"is {slug}, {what}" for what, names in RESERVED.items() if slug in names), None)


def main() -> None:
    """Check the answers, and that nothing in the folder would be overwritten."""
    answers = json.loads(r"""{{ cookiecutter | jsonify }}""")
    sentence = refusal(answers)
    if sentence is None and any(Path.cwd().iterdir()):
        sentence = f"{Path.cwd()} is not empty: move it away, or write another project_slug."
    if sentence is not None:
        sys.exit(sentence)


if __name__ == "__main__":
    main()
