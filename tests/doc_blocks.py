"""Run the blocks of a documentation page in a generated project.

```console blocks are run. Other blocks start with the path of a file, in a comment: a ```diff block
is a change of it, others are its content.
"""

import re
import subprocess
import sys
from pathlib import Path

from tests.baking import TEMPLATE
from tests.serving import IN_ONE_PROCESS, environment

BLOCK = re.compile(r"^```(console|diff|jsonc|python|svg)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_of(page: str, section: str = "") -> list[tuple[str, str]]:
    """Return the kind and the text of each block of a page in docs/, or of one of its sections."""
    text = (TEMPLATE / "docs" / page).read_text(encoding="utf-8")
    if section:
        text = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return BLOCK.findall(text)


def run_block(project: Path, kind: str, text: str) -> str:
    """Run a block and return what it printed, or write or change the file that it names."""
    if kind == "console":
        return _run(project, text)
    if kind == "diff":
        _change(project, text)
    else:
        comment, _, body = text.partition("\n")
        path = project / comment.strip("#/<>!- ")
        path.parent.mkdir(exist_ok=True)
        path.write_text(body, encoding="utf-8")
    return ""


def _change(project: Path, diff: str) -> None:
    """Replace the lines without +, which must occur once, with the lines without -."""
    first, *lines = diff.splitlines()
    path = project / first.removeprefix("# ")
    text = path.read_text(encoding="utf-8")
    old = "\n".join(line[1:] for line in lines if line[:1] != "+")
    new = "\n".join(line[1:] for line in lines if line[:1] != "-")
    assert f"\n{text}".count(f"\n{old}\n") == 1, f"{first}: not there once:\n{old}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _run(project: Path, script: str) -> str:
    path = f"{Path(sys.executable).parent}:{environment()['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script],
        cwd=project,
        env={
            **environment(),
            **IN_ONE_PROCESS,
            "PATH": path,
            "PYTEST_ADDOPTS": "--database=sqlite",
        },
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}"
    return done.stdout
