"""Parts can be removed as documented, and the remaining tests pass."""

import re
import subprocess
import sys
from pathlib import Path

from tests.baking import TEMPLATE, Bake
from tests.serving import environment, run_dev


def test_example_second_factor_and_api_keys_can_be_removed(bake: Bake) -> None:
    """All of them, so that one run of the tests shows that nothing else needs any of them."""
    project = bake()
    run_dev(project, "app", "setup")

    run_block(project, "options.md", "python3 dev.py app destroy Note")

    assert not list(project.glob("*/features/notes"))
    assert (project / "migrations" / "versions" / "0002_notes.py").exists()
    run_dev(project, "check")

    run_block(project, "auth.md", "rm -r app/features/")

    assert not list((project / "app" / "features").glob("*key*"))
    run_dev(project, "app", "db", "check")
    assert " passed" in run_dev(project, "test", "--database", "sqlite")


def run_block(project: Path, document: str, start: str) -> None:
    """Run the commands of the block in the docs that starts with this text."""
    text = (TEMPLATE / "docs" / document).read_text(encoding="utf-8")
    block = re.compile(rf"^```console\n({re.escape(start)}.*?)^```$", re.MULTILINE | re.DOTALL)
    shown = block.search(text)
    assert shown
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", shown[1]],
        cwd=project,
        env={**environment(), "PATH": f"{Path(sys.executable).parent}:{environment()['PATH']}"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
