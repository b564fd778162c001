"""The recipes in docs/how-to.md work, one after the other, in a new project."""

import json
from pathlib import Path

from tests.baking import Bake
from tests.doc_blocks import blocks_of, run_block
from tests.serving import run_dev, run_in


def test_recipes_work_one_after_the_other(bake: Bake, type_cache: Path) -> None:
    project = bake()
    run_dev(project, "app", "setup")

    printed = "".join(run_block(project, kind, text) for kind, text in blocks_of("how-to.md"))

    for line in ("1  example recipes", "0  old recipes", "AUTH_PASSWORD_MIN_SCORE "):
        assert line in printed
    launch = json.loads((project / ".vscode" / "launch.json").read_text(encoding="utf-8"))
    python = str(project / ".venv" / "bin" / "python")
    for configuration in launch["configurations"]:
        words = [configuration["module"], *configuration["args"][:1], "--help"]
        assert run_in(project, [python, "-m", *words]).returncode == 0
    run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
