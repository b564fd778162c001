"""The tutorial in docs/extending.md works, block by block, in a new project.

```console blocks are run. ```python and ```diff blocks start with the path of a file: the former is
its content, the latter is a change of it.
"""

import re
import subprocess
import sys
from pathlib import Path

from tests.baking import TEMPLATE, Bake
from tests.serving import environment, run_dev

BLOCK = re.compile(r"^```(console|python|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_tutorial_works_block_by_block(bake: Bake) -> None:
    project = bake()
    run_dev(project, "app", "setup")
    before = {path for path in project.glob("app/**/*") if path.suffix in {".py", ".html"}}
    blocks = BLOCK.findall((TEMPLATE / "docs" / "extending.md").read_text(encoding="utf-8"))

    for kind, text in blocks:
        if kind == "console":
            _run(project, text)
        elif kind == "python":
            path, _, body = text.partition("\n")
            (project / path.removeprefix("# ")).write_text(body, encoding="utf-8")
        else:
            _change(project, text)

    assert len(blocks) > 15
    after = {path for path in project.glob("app/**/*") if path.suffix in {".py", ".html"}}
    assert {path.relative_to(project).parts[:3] for path in after - before} <= {
        ("app", "features", "imprint"),
        ("app", "features", "issues"),
        ("app", "features", "projects"),
        ("app", "features", "reports"),
    }


def _change(project: Path, diff: str) -> None:
    """Replace the lines without +, which must occur once, with the lines without -."""
    first, *lines = diff.splitlines()
    path = project / first.removeprefix("# ")
    text = path.read_text(encoding="utf-8")
    old = "\n".join(line[1:] for line in lines if line[:1] != "+")
    new = "\n".join(line[1:] for line in lines if line[:1] != "-")
    assert f"\n{text}".count(f"\n{old}\n") == 1, f"{first}: not there once:\n{old}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _run(project: Path, script: str) -> None:
    path = f"{Path(sys.executable).parent}:{environment()['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script],
        cwd=project,
        env={**environment(), "PATH": path, "PYTEST_ADDOPTS": "--database=sqlite -n2"},
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}"
