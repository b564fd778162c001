"""Generated files are written to the project: all of them, or none."""

import os
from pathlib import Path

import pytest

pytest.importorskip("scaffold", reason="an image has no tools")

from scaffold.errors import ScaffoldError
from scaffold.staging import StagingArea, forbid_overwrite, rollback_on_failure, staging_area

FILES = {"app/a.py": "import os\nx = {  'a':1 }\n", "app/deep/b.txt": "b\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "app").mkdir(parents=True)
    (project / "app" / "mine.txt").write_text("mine\n")
    (project / "pyproject.toml").write_text("[tool.ruff.lint]\nselect = ['F']\n")
    return project


def tree(root: Path) -> dict[str, str | None]:
    return {path.relative_to(root).as_posix(): path.read_text() if path.is_file() else None for path in root.rglob("*")}


def test_files_are_formatted_before_they_are_written(root: Path) -> None:
    with staging_area(root, FILES) as stage:
        stage.format()
        stage.apply()

    assert (root / "app/a.py").read_text() == 'x = {"a": 1}\n'
    assert (root / "app/deep/b.txt").read_text() == "b\n"


def test_watched_module_is_touched_last(root: Path) -> None:
    """A watcher of files always sees this one; it may miss those in a new folder."""
    watched = root / "app/features/__init__.py"
    watched.parent.mkdir()
    watched.touch()
    os.utime(watched, (0, 0))

    with staging_area(root, {"app/features/books/routes.py": "\n"}) as stage:
        stage.apply()

    assert watched.stat().st_mtime_ns >= (root / "app/features/books/routes.py").stat().st_mtime_ns


def test_failure_restores_all_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(root)
    copied: list[str] = []

    def fail(source: Path, target: Path) -> None:
        target.write_text(source.read_text())
        copied.append(target.name)
        if len(copied) == len(FILES):
            raise KeyboardInterrupt

    monkeypatch.setattr("scaffold.staging.shutil.copyfile", fail)
    with staging_area(root, {**FILES, "app/mine.txt": "theirs\n"}) as stage, pytest.raises(KeyboardInterrupt):
        stage.apply()

    assert copied
    assert tree(root) == before


def test_failure_restores_deleted_file(root: Path) -> None:
    before = tree(root)

    def delete_and_fail() -> None:
        with rollback_on_failure(root) as rollback:
            rollback.save("app/mine.txt")
            (root / "app/mine.txt").unlink()
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        delete_and_fail()

    assert tree(root) == before


def test_existing_file_is_not_overwritten(root: Path) -> None:
    with pytest.raises(ScaffoldError, match=r"app/mine\.txt already exists"):
        forbid_overwrite(root, {"app/mine.txt": "", "app/new.txt": ""})


def test_invalid_python_is_rejected(root: Path, tmp_path: Path) -> None:
    stage = StagingArea(root, tmp_path / "stage")
    stage.write({"app/a.py": "x = (\n"})

    with pytest.raises(ScaffoldError, match="ruff could not parse"):
        stage.format()
