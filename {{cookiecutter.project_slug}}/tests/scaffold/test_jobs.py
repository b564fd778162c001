"""`app new job` writes a job and its test, or explains why it can't."""

from pathlib import Path

import pytest

pytest.importorskip("scaffold", reason="an image has no tools")

from scaffold.errors import ScaffoldError
from scaffold.jobs import write_job
from scaffold.project import Project

pytestmark = pytest.mark.any_database

BY_HAND = '''"""Jobs of orders, by hand."""

import logging

logger = logging.getLogger(__name__)
'''


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with one feature."""
    for folder in ("app/features/orders", "tests/features/orders"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "app/features/orders/__init__.py").write_text('"""Orders."""\n')
    (tmp_path / "pyproject.toml").write_text("[tool.ruff.lint]\nselect = ['F', 'I']\n")
    return Project(tmp_path)


def text_of(project: Project, name: str) -> str:
    return (project.root / name).read_text()


def test_second_job_extends_the_files_of_the_first_one(project: Project) -> None:
    first = write_job(project, "orders.ship", schedule=None)
    code, tests = (text_of(project, name) for name in first)

    assert write_job(project, "orders.export_all", schedule="0 3 * * *") == first

    assert first == ["app/features/orders/jobs.py", "tests/features/orders/test_jobs.py"]
    assert text_of(project, first[0]).startswith(code)
    assert text_of(project, first[1]).startswith(tests)
    assert '@job(schedule="0 3 * * *")\nasync def export_all(run: JobRun)' in text_of(project, first[0])


def test_imports_are_added_to_a_file_by_hand(project: Project) -> None:
    file = project.root / "app/features/orders/jobs.py"
    file.write_text(BY_HAND)

    write_job(project, "orders.ship", schedule=None)

    imports = "from app.jobs.definitions import job\nfrom app.jobs.run import JobRun\n"
    head = BY_HAND.replace("import logging\n", f"import logging\n\n{imports}")
    assert file.read_text().startswith(head)


def test_dry_run_writes_nothing(project: Project) -> None:
    assert len(write_job(project, "orders.ship", schedule=None, dry_run=True)) == 2

    assert not (project.root / "app/features/orders/jobs.py").exists()


@pytest.mark.parametrize(
    ("path", "schedule", "message"),
    [
        ("ship", None, "ship: use FEATURE.NAME, for example notes.export_all"),
        ("orders.", None, "orders.: use FEATURE.NAME, for example notes.export_all"),
        ("order.ship", None, "order is not a feature: did you mean orders?"),
        ("../orders.ship", None, "../orders.ship: use FEATURE.NAME, for example notes.export_all"),
        ("orders.Ship", None, "Ship: invalid name of a job: use snake_case like export_all"),
        ("orders.ship.all", None, "ship.all: invalid name of a job: use snake_case like export_all"),
        ("orders.lambda", None, "lambda: invalid name of a job: use snake_case like export_all"),
        ("orders.print", None, "print is a name of Python's own: choose another one"),
        ("orders.job", None, "app/features/orders/jobs.py already has job: choose another name"),
        ("orders.ship", "hourly", "--schedule: 'hourly' is not a cron text such as \"0 3 * * *\""),
        (f"orders.{'a' * 41}", None, "use at most 40 characters"),
    ],
)
def test_impossible_job_is_explained(project: Project, path: str, schedule: str | None, message: str) -> None:
    with pytest.raises(ScaffoldError) as error:
        write_job(project, path, schedule=schedule)

    assert message in str(error.value)
    assert not (project.root / "app/features/orders/jobs.py").exists()


def test_taken_name_is_explained(project: Project) -> None:
    write_job(project, "orders.ship", schedule=None)

    with pytest.raises(ScaffoldError, match="already has ship: choose another name"):
        write_job(project, "orders.ship", schedule=None)
