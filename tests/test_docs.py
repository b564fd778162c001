"""The commands that the documentation shows work, and its links lead somewhere.

The rule for README.md, docs/*.md and the project's README.md and AGENTS.md:

- Every line of a ```console or ```bash block is a command, and is run here, the lines of a file in
  their order. In a block with prompts, only the lines that start with `$ ` are.
- Commands of a file run in one temporary folder: a clone of the template for the template's files
  that name `fireup.py`, a freshly set up default project for all others. `cd` and `export` last
  until the end of the block.
- A command that cannot be run here is listed in NOT_RUN_HERE with the reason, or the test that
  runs it. Anything else that fails, fails the test.
- Blocks of other kinds (```text, ```python, …) are for output and code, and are not run.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.baking import PROJECT, TEMPLATE, Bake, git_files
from tests.serving import environment, run_dev

NOT_RUN_HERE = {
    r"python3 fireup\.py( [\w./]+)?": "test_runners.py runs it: it serves until it is stopped",
    r"python3 fireup\.py (test|behaviours|check|lock)\b.*": "CI runs it: we are in it",
    r"python3 (\S*/)?dev\.py (run|test|check)\b.*": "test_runs.py runs it",
    r"python3 dev\.py lock\b.*": "asks the package index for newer versions",
    r"rm -r app/features/.*": "test_removal.py runs it, in a project of its own",
    r"rm (-rf )?app/(live|features/\*/live|admin/jobs|jobs/notifications).*": "as above",
    r"rm -rf app/files .*": "the project needs them",
    r"python3 dev\.py app db revision.*": "test_removal.py runs it",
    r"python3 dev\.py app destroy Note\b.*": "test_removal.py runs it",
    r"git clone .*": "the address is yours",
    r"(uvx |pipx run )?cookiecutter .*": "test_answers.py runs it; the address is yours",
    r"uv .*": "test_runners.py runs it, where uv is",
    r"docker-compose .*|docker compose .*": "test_docker.py runs it",
    r"deploy/rollout.*|git pull|docker image ls .*": "test_compose_deployment.py runs it",
}

RUN_ELSEWHERE = {
    "docs/api-shape.md",
    "docs/clients.md",
    "docs/extending.md",
    "docs/files.md",
    "docs/how-to.md",
    "docs/jobs.md",
    "docs/migrations.md",
    "docs/resources.md",
    "docs/webhooks.md",
    f"{PROJECT.name}/AGENTS.md",
}
"""Run with the other blocks by the tests named like them; resources.md by test_extending.py, and
jobs.md, webhooks.md and migrations.md by test_jobs_docs.py."""

DOCUMENTS = [
    name
    for name in git_files("--cached", "--others", "--exclude-standard")
    if re.fullmatch(rf"README\.md|docs/.*\.md|{re.escape(PROJECT.name)}/(README|AGENTS)\.md", name)
]
BLOCK = re.compile(r"^```(?:console|bash|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def commands(block: str) -> list[str]:
    """Return the commands of a block."""
    lines = [line for line in block.replace("\\\n", "").splitlines() if line.strip()]
    prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [re.sub(r"\s+#.*", "", line) for line in prompted or lines if not line.startswith("#")]


def reason_not_to_run(command: str) -> str | None:
    """Say why a command is not run here."""
    reasons = (why for known, why in NOT_RUN_HERE.items() if re.fullmatch(known, command))
    return next(reasons, None)


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    """Generate the default project and set it up, so that commands have something to work on."""
    project = bake()
    run_dev(project, "app", "setup")
    return project


@pytest.fixture(scope="module")
def clone(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the template, so that commands may write into it."""
    return shutil.copytree(template, tmp_path_factory.mktemp("clone") / "fireup")


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name not in RUN_ELSEWHERE])
def test_the_commands_shown_work(name: str, project: Path, clone: Path) -> None:
    for block in BLOCK.findall((TEMPLATE / name).read_text(encoding="utf-8")):
        shown = commands(block)
        script = "\n".join(command for command in shown if reason_not_to_run(command) is None)
        folder = clone if any("fireup.py" in command for command in shown) else project

        done = _run(script, folder)

        assert done.returncode == 0, f"{script}\n{done.stdout}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    document = TEMPLATE / name
    text = document.read_text(encoding="utf-8")

    broken = [link for link in LINK.findall(text) if not _leads_somewhere(document, link)]

    assert broken == []


def _run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # Commands say python3: let that be the Python that runs these tests.
    path = f"{Path(sys.executable).parent}:{environment()['PATH']}"
    return subprocess.run(
        ["/bin/sh", "-eu", "-c", script],
        cwd=folder,
        env={**environment(), "PATH": path},
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


def _leads_somewhere(document: Path, link: str) -> bool:
    """Return whether a link to a file, or to a heading, has its target; the web is not asked."""
    address, _, heading = link.partition("#")
    if re.match(r"(https?|mailto):", address) or "{{" in address:
        return True
    target = document.parent / address if address else document
    if address == "LICENSE" and document.parent == PROJECT:
        return True  # the hook puts it there
    return target.exists() and (not heading or heading in _headings(target))


def _headings(document: Path) -> set[str]:
    """Return a document's headings as a web page names them."""
    titles = re.findall(r"^#+ +(.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}
