"""Discovery of features."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter

from app import features
from app.features import InvalidFeature
from tests.server import SECONDS_TO_START, process_environment

REVIEWED = """
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models import User
from app.database.base import Owned, Record


class ReviewedSample(Owned, Record):
    __tablename__ = "reviewed_samples"

    reviewer_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    reviewer: Mapped[User | None] = relationship(lazy="raise")
"""

PROGRAM = """
import sys
from app import features
features.__path__.append(sys.argv.pop())
from app.__main__ import main
main()
"""

ERASING = """
import asyncio
import sys
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from app import features
features.__path__.append(sys.argv.pop())
features.load_models()
from app.accounts.lifecycle.personal_data import delete_users
from app.accounts.models import User
from app.database.base import Base
from app.database.connection import open_database
from app.features.reviewed_samples.models import ReviewedSample
from app.settings.config import load_settings

async def main():
    async with open_database(load_settings().database) as database, database.sessions.begin() as session:
        await session.run_sync(lambda sync: Base.metadata.create_all(sync.connection()))
        ada, bob = (User(email=name, email_key=name) for name in ("ada", "bob"))
        session.add_all([ada, bob])
        await session.flush()
        session.add(ReviewedSample(owner_id=ada.id, reviewer_id=bob.id))
        await session.flush()
        query = select(ReviewedSample).options(joinedload(ReviewedSample.owner), joinedload(ReviewedSample.reviewer))
        for gone in (None, bob, ada):
            if gone:
                await delete_users(session, User.id == gone.id)
                session.expunge_all()
            rows = await session.scalars(query)
            print([(row.owner.email, row.reviewer and row.reviewer.email) for row in rows])

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Add a temporary folder to the search path for features."""
    monkeypatch.setattr(features, "__path__", [str(tmp_path), *features.__path__])
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def write(folder: Path, name: str, **modules: str) -> None:
    """Write a feature."""
    (folder / name).mkdir()
    for module, text in {"__init__": "", **modules}.items():
        (folder / name / f"{module}.py").write_text(text)


def test_feature_is_discovered_by_its_folder(folder: Path) -> None:
    write(folder, "sample_tasks", routes="from fastapi import APIRouter\nrouter = APIRouter(prefix='/sample-tasks')\n")

    assert {"sample_notes", "sample_tasks"} <= set(features.list_features())
    assert "/sample-tasks" in [router.prefix for router in features.read_exports("routes", "router", APIRouter)]


def test_feature_without_a_module_is_skipped(folder: Path) -> None:
    write(folder, "sample_tasks", models="")

    names = [module.__name__ for module in features.import_modules("routes")]

    assert "tests.sample.sample_notes.routes" in names
    assert "app.features.sample_tasks.routes" not in names


@pytest.mark.parametrize("text", [pytest.param("", id="absent"), pytest.param("router = 1", id="of-another-type")])
def test_module_without_the_required_object_is_rejected(folder: Path, text: str) -> None:
    write(folder, "broken", routes=text)

    with pytest.raises(InvalidFeature, match=r"app\.features\.broken\.routes must define `router: APIRouter`"):
        features.read_exports("routes", "router", APIRouter)


def test_optional_object_is_found_and_type_checked(folder: Path) -> None:
    write(folder, "sample_tasks", pages="menu = 'Tasks'")
    write(folder, "quiet", pages="")

    assert features.read_optional_exports("pages", "menu", str) == ["Tasks"]
    with pytest.raises(InvalidFeature, match=r"app\.features\.sample_tasks\.pages must define `menu: int`"):
        features.read_optional_exports("pages", "menu", int)


def test_import_error_is_not_swallowed(folder: Path) -> None:
    write(folder, "broken", routes="import no_such_module")

    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        features.read_exports("routes", "router", APIRouter)


def test_file_is_not_a_feature(folder: Path) -> None:
    (folder / "loose.py").write_text("")

    assert "loose" not in features.list_features()


def test_templates_of_features_are_found(folder: Path) -> None:
    write(folder, "sample_tasks")
    (folder / "sample_tasks" / "templates").mkdir()
    write(folder, "plain")

    found = features.find_template_folders()

    assert folder / "sample_tasks" / "templates" in found
    assert folder / "plain" / "templates" not in found


@pytest.mark.any_database
@pytest.mark.parametrize("command", ["routes", "db upgrade"])
def test_ambiguous_relationship_is_reported(tmp_path: Path, command: str) -> None:
    write(tmp_path, "reviewed_samples", models=REVIEWED)

    result = run_app(tmp_path, command)

    assert result.returncode == 1
    for name in ("ReviewedSample.reviewer", "reviewed_samples.owner_id", "reviewed_samples.reviewer_id"):
        assert name in result.stderr
    for name in ("Traceback", "DATABASE_URL"):
        assert name not in result.stderr


@pytest.mark.any_database
def test_owned_rows_may_refer_to_a_second_user(tmp_path: Path) -> None:
    """Runs in its own process, because a model can't be unregistered."""
    write(
        tmp_path,
        "reviewed_samples",
        models=REVIEWED.replace("relationship(", "relationship(foreign_keys=[reviewer_id], "),
    )

    done = run_app(tmp_path, "", ERASING)

    assert (done.returncode, done.stdout) == (0, "[('ada', 'bob')]\n[('ada', None)]\n[]\n"), done.stderr


def run_app(folder: Path, command: str, program: str = PROGRAM) -> subprocess.CompletedProcess[str]:
    """Run a command with the features in a folder."""
    return subprocess.run(  # noqa: S603 - trusted arguments
        [sys.executable, "-c", program, *command.split(), str(folder)],
        cwd=folder,
        env=process_environment(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_TO_START,
    )


ONE_IMPORT = """
import sys
from app import features
features.__path__.append(sys.argv.pop())
from sqlalchemy import select
from app.features.first_samples.models import FirstSample
print(select(FirstSample).join(FirstSample.owner).join(FirstSample.second))
"""

CIRCLE = """
from typing import TYPE_CHECKING
from uuid import UUID
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship
from app.database.base import Owned, Record

class FirstSample(Owned, Record):
    __tablename__ = "first_samples"
    second_id: Mapped[UUID | None] = mapped_column(ForeignKey("second_samples.id"))
    second: Mapped["SecondSample | None"] = relationship(lazy="raise")
"""


@pytest.mark.any_database
def test_importing_one_model_is_enough(tmp_path: Path) -> None:
    write(tmp_path, "first_samples", models=CIRCLE)
    write(
        tmp_path,
        "second_samples",
        models="from app.features.first_samples.models import FirstSample\n"
        "from app.database.base import Record\n\n"
        "class SecondSample(Record):\n"
        '    __tablename__ = "second_samples"\n',
    )

    done = run_app(tmp_path, "", ONE_IMPORT)

    assert done.returncode == 0, done.stderr
    assert "JOIN users" in done.stdout
    assert "JOIN second_samples" in done.stdout
