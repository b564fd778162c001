"""Parts can be deleted as docs/auth.md says, and the tests of what is left pass."""

import re
import subprocess
import sys
from pathlib import Path

from tests.baking import TEMPLATE, Bake
from tests.serving import environment, run_dev

BLOCK = re.compile(r"^```console\n(rm -r app/features/.*?)^```$", re.MULTILINE | re.DOTALL)


def test_second_factor_and_api_keys_can_be_deleted(bake: Bake) -> None:
    project = bake()
    run_dev(project, "app", "setup")
    shown = BLOCK.search((TEMPLATE / "docs" / "auth.md").read_text(encoding="utf-8"))
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
    assert not list((project / "app" / "features").glob("*key*"))
    run_dev(project, "app", "db", "check")
    printed = run_dev(project, "test", "-n", "auto", "--database", "sqlite")
    assert " passed" in printed
