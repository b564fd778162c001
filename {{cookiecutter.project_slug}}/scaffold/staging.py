"""Texts → files of the project: all of them, or none.

They are made ready in a folder aside, where ruff forms them and the migration is written; only then do they move into
the project, and whatever goes wrong takes all of it back.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scaffold.grammar import ScaffoldError


class StagingArea:
    """A folder that mirrors the project, in which files are made ready."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self.borrowed: set[str] = set()

    def write(self, files: dict[str, str]) -> None:
        """Put texts into the folder."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def borrow(self, name: str) -> None:
        """Copy a folder of the project beside, for those that look at it; it is not moved back."""
        for path in sorted((self.root / name).rglob("*")):
            inside = path.relative_to(self.root)
            if path.is_file() and path.suffix != ".pyc" and not (self.folder / inside).exists():
                (self.folder / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, self.folder / inside)
                self.borrowed.add(inside.as_posix())

    def tidy(self) -> None:
        """Bring the Python files into the project's form: imports sorted, unused ones gone, lines broken."""
        # Not as `python -m ruff`: it would start a Python each time.
        ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
        if ruff is None:
            raise ScaffoldError(["ruff is required to format generated code. `python3 dev.py app …` installs it"])
        files = [name for name in self.files() if name.endswith(".py")]
        # Unused imports first, or isort breaks lines that would be short without them.
        for command in (["check", "--fix-only", "--select=F401"], ["check", "--fix-only"], ["format"]):
            done = subprocess.run(  # noqa: S603 - our own words
                [ruff, *command, "--quiet", "--no-cache",
                 "--config", str(self.root / "pyproject.toml"),
                 # These packages are not all here, and imports are sorted by where they come from.
                 "--config", 'lint.isort.known-first-party = ["app", "scaffold", "tests"]', *files],
                cwd=self.folder, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                raise ScaffoldError([f"ruff could not parse the generated code: {done.stdout}{done.stderr}"])

    def tidied(self, files: dict[str, str]) -> dict[str, str]:
        """Return texts in the project's form, without keeping them here."""
        with tempfile.TemporaryDirectory(prefix="scaffold-") as folder:
            stage = StagingArea(self.root, Path(folder))
            stage.write(files)
            stage.tidy()
            return {name: (stage.folder / name).read_text() for name in files}

    def files(self) -> list[str]:
        """List what was made ready."""
        found = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        return sorted(name for name in found if name not in self.borrowed and not name.endswith(".pyc"))

    def install(self) -> None:
        """Move everything into the project; take all back when one does not go."""
        with rollback_on_failure(self.root) as undo:
            for name in self.files():
                undo.remember(name)
                target = self.root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.folder / name, target)


class Rollback:
    """What files were before, to bring them back."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.before: dict[Path, bytes | None] = {}
        self.folders: list[Path] = []

    def remember(self, name: str) -> None:
        """Keep what a file is now."""
        path = self.root / name
        self.before[path] = path.read_bytes() if path.exists() else None
        self.folders += [folder for folder in path.parents if not folder.exists() and folder not in self.folders]

    def take_back(self) -> None:
        """Make all files what they were, and remove the folders that were not there."""
        for path, content in self.before.items():
            if content is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            else:
                path.unlink(missing_ok=True)
        for folder in sorted(self.folders, key=lambda found: -len(found.parts)):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


@contextmanager
def rollback_on_failure(root: Path) -> Iterator[Rollback]:
    """Take back what was changed when anything is raised, an interruption too."""
    undo = Rollback(root)
    try:
        yield undo
    except BaseException:
        undo.take_back()
        raise


@contextmanager
def staging_area(root: Path, files: dict[str, str]) -> Iterator[StagingArea]:
    """Make files ready aside."""
    with tempfile.TemporaryDirectory(prefix="scaffold-") as folder:
        stage = StagingArea(root, Path(folder))
        stage.write(files)
        yield stage


def forbid_overwrite(root: Path, files: dict[str, str]) -> None:
    """Refuse to write over what is there.

    Raises:
        Problems: naming each file.
    """
    there = [name for name in sorted(files) if (root / name).exists()]
    if there:
        raise ScaffoldError([f"{name} already exists: move it, or choose another name" for name in there])
