"""Random changes of random resources keep the rows, and lead to the code of a new project.

They are the same for the same SCAFFOLD_SEED. The generated tests are not run: test_scaffold.py runs
those of the same code.
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from tests.baking import Bake
from tests.changed_projects import ChangedProject, lines_of, printed_schema
from tests.forks import Forks, forks_of
from tests.random_changes import printed_resources, resources_of
from tests.random_resources import NAMES, random_commands
from tests.test_scaffold import commit, database_of, installed

RESOURCES, CHANGES, MIN_ACCEPTED = 4, 12, 4
SETTINGS = {"SECRET_KEY": "a key of the test, which protects nothing"}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_random_changes_keep_rows_and_lead_to_the_code_of_a_new_project(
    bake: Bake, tmp_path: Path, database: str
) -> None:
    random = Random(f"{os.environ.get('SCAFFOLD_SEED', '1')} {database}")  # noqa: S311 - repeatable
    commands = random_commands(random.sample(NAMES, RESOURCES), random)
    project, new = installed(bake()), bake()
    python = str(project / ".venv/bin/python")
    file = tmp_path / "resources.txt"
    with database_of(project, database), forks_of(project, python, **SETTINGS) as forks:
        generate(forks, file, [command.in_file for command in commands])
        commit(project)
        changed = ChangedProject(project, forks, resources_of(commands))
        schema = changed.check(CHANGES, random)
    assert len(changed.accepted) >= MIN_ACCEPTED, changed.refused
    with forks_of(new, python, **SETTINGS) as forks:
        generate(forks, file, [shlex.split(block) for block in schema.split("\n\n")])
        printed = printed_schema(forks)
    assert lines_of(printed_resources(schema)) == lines_of(printed_resources(printed))
    # A circle of references is generated in two steps, which may be divided in another way.
    if schema == printed:
        assert code_of(project) == code_of(new)


def code_of(project: Path) -> dict[str, str]:
    """Return the files of the features and their tests, without the commands in docstrings."""
    paths = [path for top in ("app", "tests") for path in (project / top / "features").rglob("*.*")]
    return {
        path.relative_to(project).as_posix(): path.read_text(encoding="utf-8")
        for path in paths
        if path.suffix in {".py", ".html", ".txt"} and path.name != "__init__.py"
    }


def generate(forks: Forks, file: Path, blocks: Sequence[Sequence[str]]) -> None:
    """Generate resources from a file."""
    file.write_text("\n".join(map(shlex.join, blocks)), encoding="utf-8")
    done = forks.app("new", "resources", str(file))
    assert done.status == 0, done.output
