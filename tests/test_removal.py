"""Parts can be removed as documented, and the remaining tests pass."""

import re
import subprocess
import sys
from pathlib import Path

from tests.baking import TEMPLATE, Bake
from tests.serving import WITHOUT_UNAFFECTED, environment, run_dev

NOTES = "app/features/notes"
USES_OF_LIVE = {
    "app/main.py": [
        r"from app\.live\.broker import build_broker\n",
        r' +"broker": build_broker\(settings, database\),\n',
        r' +await .*aclosing\(state\["broker"\]\)\)\n',
        r'features\.read_exports\("live", "router", APIRouter\) \+ ',
    ],
    f"{NOTES}/__init__.py": [r" --live"],
    f"{NOTES}/pages.py": [
        r"from app\.live\..*\n",
        r"from fastapi\.sse .*\n",
        r"from collections\.abc import AsyncIterator\n",
        r'@router\.get\("/live"(.|\n)*?yield event\n\n\n',
    ],
    f"{NOTES}/templates/notes/list.html": [r".*live_region.*\n", r"{% endcall %}\n"],
    "tests/features/notes/test_pages.py": [
        r"from tests\.streams .*\n",
        r"\n\n@pytest\.mark\.any_database\ndef test_list_page_shows_its_stream(.|\n)*",
    ],
}
USES_OF_FILES = {
    "app/main.py": [
        r"from app\.(files|operations\.backup) .*\n",
        r"from app\.files.*\n",
        r' +"files": FileStore\(settings\.files\),\n',
    ],
    "migrations/env.py": [r"from app\.files.*\n", r'"files", '],
}
"""What docs/options.md says."""


def test_example_second_factor_and_api_keys_can_be_removed(bake: Bake) -> None:
    """All of them, so that one run of the tests shows that nothing else needs any of them."""
    project = bake()
    run_dev(project, "app", "setup")

    run_block(project, "options.md", "rm -rf app/live")
    delete_uses(project, USES_OF_LIVE)
    run_dev(project, "test", "--database", "sqlite", "tests/features/notes")

    run_block(project, "options.md", "rm -rf app/admin/jobs")
    run_block(project, "options.md", "rm -rf app/jobs/notifications")
    run_block(project, "options.md", "python3 dev.py app destroy Note")

    assert not list(project.glob("*/features/notes"))
    assert (project / "migrations" / "versions" / "0002_notes.py").exists()
    run_dev(project, "check")

    run_block(project, "auth.md", "rm -r app/features/")
    run_block(project, "options.md", "rm -rf app/files")
    (project / "app/admin/base/uploads.py").unlink()
    delete_uses(project, USES_OF_FILES)
    run_dev(project, "app", "db", "revision", "-m", "Drop the table of files", "--yes")
    run_dev(project, "app", "db", "upgrade")
    run_dev(project, "check", "imports", "types")

    assert not list((project / "app" / "features").glob("*key*"))
    run_dev(project, "app", "db", "check")
    assert " passed" in run_dev(project, "test", "--database", "sqlite", *WITHOUT_UNAFFECTED)


def delete_uses(project: Path, uses: dict[str, list[str]]) -> None:
    """Delete what matches these patterns in files of the project; each must be there."""
    for name, patterns in uses.items():
        file = project / name
        text = file.read_text(encoding="utf-8")
        for pattern in patterns:
            assert re.search(pattern, text), (name, pattern)
            text = re.sub(pattern, "", text)
        file.write_text(text, encoding="utf-8")


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
