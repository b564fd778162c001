"""docs/jobs.md, webhooks.md, migrations.md and scaling.md work, in one project.

They add reports by a job, webhooks that are safe, a column filled by a job, and a list that is read
from a replica.
"""

import shutil
from pathlib import Path

from tests.baking import TEMPLATE, Bake
from tests.doc_blocks import blocks_of, run_block
from tests.serving import run_dev

RECEIVER = TEMPLATE / "tests" / "webhooks"
OTHERS = ("notes", "reports")


def test_documented_jobs_and_routes_pass_their_tests(bake: Bake, type_cache: Path) -> None:
    project = bake()
    run_dev(project, "app", "setup")

    for kind, text in [
        *blocks_of("jobs.md", "Ten minutes"),
        *blocks_of("webhooks.md"),
        *blocks_of("migrations.md", "Fill a column in batches"),
        *blocks_of("scaling.md", "Read replicas"),
    ]:
        run_block(project, kind, text)

    folders = [f"tests/features/{name}" for name in ("webhooks", *OTHERS)]
    for file in RECEIVER.glob("*.txt"):
        shutil.copy(file, project / folders[0] / f"{file.stem}.py")
    run_dev(project, "check", MYPY_CACHE_DIR=str(type_cache))
    run_dev(project, "test", "--database", "both", *folders)
