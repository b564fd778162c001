"""benchmarks/instructions.py counts requests, with few and with many resources."""

import shutil
from pathlib import Path

import pytest

from benchmarks import instructions
from benchmarks.copies import add_copies
from benchmarks.instructions import FEW, MANY, App, Counter, Counts
from benchmarks.stacks import BUILD_APP, LIMIT, OURS, Project
from benchmarks.workloads import COPIED, HTML, PAGES
from tests.serving import run_in


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("benchmark"))
    project.add(COPIED)
    return project


def test_copies_are_served_but_not_in_the_navigation(project: Project) -> None:
    add_copies(project.folder, 2)
    code = "from app.main import create_app; print(*sorted(create_app().openapi()['paths']))"

    done = run_in(project.folder, [project.python, "-c", code], **project.variables)

    found = {path for path in done.stdout.split() if path.startswith("/api/v1/anvil")}
    assert found == {
        f"/api/v1/{name}{rest}"
        for name, key in (
            ("anvils", "anvil_id"),
            ("anvil1s", "anvil1_id"),
            ("anvil2s", "anvil2_id"),
        )
        for rest in ("", f"/{{{key}}}")
    }, done.stdout
    pages = project.folder / "app" / "features" / "anvil1s" / "pages.py"
    assert "\nnav = " not in pages.read_text(encoding="utf-8")


@pytest.mark.skipif(not shutil.which("callgrind_control"), reason="needs valgrind")
def test_requests_are_counted(project: Project, tmp_path: Path) -> None:
    ours = App(project.python, f"{BUILD_APP}()", PAGES)
    with project.filled() as database:
        counter = Counter(project, database, tmp_path)
        found = counter.count_all(ours, ("change", HTML))
        absent = counter.count_all(ours._replace(address="json:nothing"), ("hello",))

    assert all(count and count > 100 for count in found.values()), found
    assert absent == {"hello": None}
    assert "PATCH /api/v1/items/" in (tmp_path / "change.out").read_text(encoding="utf-8")


def test_counts_become_tables() -> None:
    few: Counts = {"hello": 100.0, "me": 200.0, "item": None, HTML: 1_500.4}
    many: Counts = {"hello": 104.0, "me": 220.0, "item": 300.0, HTML: 1_500.4}
    found: dict[str, Counts] = {
        LIMIT: {"hello": 40.0},
        OURS: few,
        f"{OURS}, {MANY} resources": many,
    }

    lines = instructions.write(found).splitlines()

    assert f"| {LIMIT} | 40 |  |  |  |  |  |  |" in lines
    assert f"| {OURS} | 100 | 200 | failed |  |  |  | 1,500 |" in lines
    assert f"| generated project, {MANY} resources, times {FEW} | goal | measured |  |" in lines
    assert [line.split(" | ")[-1] for line in lines[-4:]] == [
        "reached |",
        "missed |",
        "not measured |",
        "reached |",
    ]
