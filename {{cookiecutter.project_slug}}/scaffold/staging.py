"""Write generated files to the project: all of them, or none.

A temporary folder holds them while ruff formats them and the migration is generated. Then they are copied to the
project, and any failure restores it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scaffold.errors import ScaffoldError


class StagingArea:
    """A temporary folder with the layout of the project."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self.copied: set[str] = set()
        self.deleted: list[str] = []

    def write(self, files: dict[str, str]) -> None:
        """Write files to the folder."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            self.copied.discard(name)

    def move(self, old: str, new: str) -> None:
        """Copy a folder of the project under another name. `apply` deletes the old one."""
        self.copy_in(old)
        if old != new and (self.folder / old).exists():
            (self.folder / old).rename(self.folder / new)
            moved = {name for name in self.copied if name.startswith(f"{old}/")}
            self.copied -= moved
            self.deleted += sorted(moved)

    def read(self, name: str) -> str:
        """Return the text of a file: the new one, if it changes."""
        new = self.folder / name
        return (new if new.exists() else self.root / name).read_text(encoding="utf-8")

    def copy_in(self, name: str) -> None:
        """Copy a folder of the project, for code that reads it. `apply` doesn't copy it back."""
        for folder, _, files in os.walk(self.root / name):
            inside = os.path.relpath(folder, self.root)
            new = [file for file in files if not file.endswith(".pyc") and not (self.folder / inside / file).exists()]
            if new:
                (self.folder / inside).mkdir(parents=True, exist_ok=True)
            for file in new:
                shutil.copyfile(f"{folder}/{file}", self.folder / inside / file)
                self.copied.add(Path(inside, file).as_posix())

    def format(self) -> None:
        """Format the Python files: remove unused imports, sort the others and wrap lines."""
        # Not `python -m ruff`, which starts Python each time.
        ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
        if ruff is None:
            raise ScaffoldError(
                ["ruff is required to format generated code: run `python3 dev.py app …`, which installs it"]
            )
        files = [name for name in self.files() if name.endswith(".py")]
        # Unused imports first: without them, isort wraps fewer lines.
        for command in (["check", "--fix-only", "--select=F401"], ["check", "--fix-only"], ["format"]):
            done = subprocess.run(  # noqa: S603 - fixed arguments
                [ruff, *command, "--quiet", "--no-cache",
                 "--config", str(self.root / "pyproject.toml"),
                 # The folder doesn't contain all first-party packages, which isort would take for third-party ones.
                 "--config", 'lint.isort.known-first-party = ["app", "scaffold", "tests"]', *files],
                cwd=self.folder, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                raise ScaffoldError([f"ruff could not parse the generated code: {done.stdout}{done.stderr}"])

    def formatted(self, files: dict[str, str]) -> dict[str, str]:
        """Return these files formatted, without writing them."""
        with staging_area(self.root, files) as stage:
            stage.format()
            return {name: (stage.folder / name).read_text() for name in files}

    def files(self) -> list[str]:
        """List the files to apply."""
        found = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        return sorted(name for name in found if name not in self.copied and not name.endswith(".pyc"))

    def apply(self) -> None:
        """Copy the files to the project, and delete others. If one fails, restore all."""
        with rollback_on_failure(self.root) as rollback:
            for name in self.deleted:
                rollback.save(name)
                (self.root / name).unlink()
            for name in self.files():
                rollback.save(name)
                target = self.root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.folder / name, target)
        remove_empty({self.root / name for name in self.deleted})
        # So that the development server restarts: it may miss files in a folder that was created just before them.
        with suppress(FileNotFoundError):
            os.utime(self.root / "app" / "features" / "__init__.py")


class Rollback:
    """Saved contents of files, to restore them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.before: dict[Path, bytes | None] = {}
        self.folders: list[Path] = []

    def save(self, name: str) -> None:
        """Save the current content of a file."""
        path = self.root / name
        self.before[path] = path.read_bytes() if path.exists() else None
        self.folders += [folder for folder in path.parents if not folder.exists() and folder not in self.folders]

    def restore(self) -> None:
        """Restore all saved files and remove new folders."""
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
    """Restore saved files on any exception, including KeyboardInterrupt."""
    rollback = Rollback(root)
    try:
        yield rollback
    except BaseException:
        rollback.restore()
        raise


@contextmanager
def staging_area(root: Path, files: dict[str, str]) -> Iterator[StagingArea]:
    """Yield a staging area with these files."""
    with tempfile.TemporaryDirectory(prefix="scaffold-") as folder:
        stage = StagingArea(root, Path(folder))
        stage.write(files)
        yield stage


def remove_empty(files: Iterable[Path]) -> None:
    """Remove the folders of deleted files that contain nothing but bytecode."""
    for folder in {file.parent for file in files}:
        while folder.is_dir() and not [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]:
            shutil.rmtree(folder)
            folder = folder.parent  # noqa: PLW2901 - upwards


def forbid_overwrite(root: Path, files: dict[str, str]) -> None:
    """Check that none of these files exists.

    Raises:
        ScaffoldError: naming each file that does.
    """
    existing = [name for name in sorted(files) if (root / name).exists()]
    if existing:
        raise ScaffoldError([f"{name} already exists: move it or choose another name" for name in existing])
