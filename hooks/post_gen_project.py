"""Delete the files of options that are off, move the license into place and print the next steps.

Cookiecutter fills in the answers below and runs this file with its own Python (3.10 or later), in
the new directory, and again on every update, so the same answers must always give the same files.
Standard library only.
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def unowned_paths(answers: Mapping[str, Any]) -> list[str]:
    """Return the path patterns whose options, such as `pages or admin`, are all off."""
    owned: Mapping[str, list[str]] = answers["_owned_paths"]
    off = [key for key in owned if not any(answers[option] for option in key.split(" or "))]
    return [pattern for key in off for pattern in owned[key]]


def prune(project: Path, patterns: Iterable[str]) -> None:
    """Delete the paths that match, and directories that become empty."""
    for path in [path for pattern in patterns for path in project.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        _delete_empty_parents(path, project)


def place_license(project: Path, name: str) -> None:
    """Move the chosen license to LICENSE and delete the others."""
    (project / "licenses" / name).replace(project / "LICENSE")
    shutil.rmtree(project / "licenses")


def drop_unknown_origin(project: Path) -> None:
    """Delete .cruft.json if the template was not a Git clone: updates need its commit."""
    origin = project / ".cruft.json"
    if not json.loads(origin.read_text(encoding="utf-8"))["commit"]:
        origin.unlink()


def next_steps(slug: str) -> str:
    """Return what to run next, in three lines."""
    return f"Created {slug}. To run it:\n  cd {slug}\n  python3 dev.py run"


def _delete_empty_parents(path: Path, project: Path) -> None:
    for parent in path.parents:
        if parent == project or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()


def main() -> None:
    """Finish the project in the current folder."""
    answers = json.loads(r"""{{ cookiecutter | jsonify }}""")
    project = Path.cwd()
    prune(project, unowned_paths(answers))
    place_license(project, answers["license"])
    drop_unknown_origin(project)
    print(next_steps(answers["project_slug"]))


if __name__ == "__main__":
    main()
