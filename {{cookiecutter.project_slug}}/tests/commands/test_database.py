"""`app db …`."""

import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.database import migrate, revisions
from tests.commands.conftest import Outcome
from tests.server import SECONDS_TO_START, start_process
from tests.support import execute

Run = Callable[..., Outcome]

HEADS = revisions.heads()
KNOWN = revisions.code_revisions().known
EMPTY = ("def upgrade() -> None: pass", "def downgrade() -> None: pass")

pytestmark = [pytest.mark.usefixtures("configured"), pytest.mark.any_database]


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """URL of a database whose tables a test may change."""
    return own_database_url


def test_check_finds_a_migrated_database_equal(app: Run) -> None:
    assert app("db", "check") == (0, "The database equals the models.\n", "")


def test_check_knows_every_table_in_a_process_of_its_own(database_url: str, tmp_path: Path) -> None:
    """In this one, other tests have imported them."""
    checking = start_process(tmp_path, "check.log", "db", "check", DATABASE_URL=database_url)

    assert checking.wait(SECONDS_TO_START) == 0, (tmp_path / "check.log").read_text()


def test_down_and_up_again(app: Run, database_url: str) -> None:
    execute(database_url, "DROP TABLE sample_notes")  # of the tests, not of a migration

    assert app("db", "downgrade", "base").code == 0
    assert app("db", "check").code == 1
    assert app("db", "upgrade").code == 0
    assert app("db", "check").code == 0


def test_upgrade_says_what_it_applied(app: Run) -> None:
    newest = max(KNOWN)
    assert app("db", "downgrade", "-1").code == 0

    assert app("db", "upgrade").out == f"Applied migrations: {newest}.\n"
    assert app("db", "upgrade").out == "No migration was missing.\n"


def test_a_migration_that_fails_is_named(app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = shutil.copytree(migrate.MIGRATIONS_DIR, tmp_path / "migrations") / "versions"
    monkeypatch.setattr(migrate, "MIGRATIONS_DIR", versions.parent)
    broken = versions / "broken.py"
    lines = ["from alembic import op", 'revision = "broken"', f'down_revision = "{next(iter(HEADS))}"']
    broken.write_text("\n".join([*lines, 'def upgrade() -> None: op.execute("DROP TABLE nosuch")', EMPTY[1]]))

    for refused in (app("db", "upgrade"), app("setup")):
        assert refused.code == 1
        assert refused.error.startswith(f"app: the migration in {broken}:4 failed and was rolled back: ")
        assert "nosuch" in refused.error


def test_an_unknown_revision_is_refused_in_a_sentence(app: Run) -> None:
    refused = app("db", "upgrade", "no-such-revision")

    assert refused.code == 1
    assert "no-such-revision" in refused.error


def test_revision_writes_nothing_when_the_database_equals_the_models(app: Run) -> None:
    before = sorted((migrate.MIGRATIONS_DIR / "versions").glob("*.py"))

    refused = app("db", "revision", "-m", "nothing")

    assert refused.code == 1
    assert "no migration to write" in refused.error
    assert sorted((migrate.MIGRATIONS_DIR / "versions").glob("*.py")) == before


def test_revision_brings_the_database_to_the_models(
    app: Run, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "MIGRATIONS_DIR", shutil.copytree(migrate.MIGRATIONS_DIR, tmp_path / "migrations"))
    execute(database_url, "ALTER TABLE roles ADD COLUMN forgotten INTEGER")
    told = app("db", "check").error
    assert "app db revision" in told
    assert "drops the column roles.forgotten and its values" in told

    refused = app("db", "revision", "-m", "Forget it")
    assert refused.code == 1
    assert "drops the column roles.forgotten and its values" in refused.error
    assert "--yes" in refused.error
    assert len(list((tmp_path / "migrations/versions").glob("*.py"))) == len(KNOWN)

    written = app("db", "revision", "-m", "Forget it", "--yes")

    path = Path(written.out.split()[1].rstrip("."))
    assert path.is_relative_to(tmp_path)
    assert "forgotten" in path.read_text()
    assert app("db", "upgrade").code == 0
    assert app("db", "check").code == 0
    assert app("db", "downgrade", "-1").code == 0


def test_revision_asks_on_a_terminal_before_it_drops_data(
    app: Run, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "MIGRATIONS_DIR", shutil.copytree(migrate.MIGRATIONS_DIR, tmp_path / "migrations"))
    execute(database_url, "ALTER TABLE roles ADD COLUMN forgotten INTEGER")
    for answer, written in (("n", 0), ("y", 1)):
        terminal = io.StringIO(f"{answer}\n")
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", terminal)

        done = app("db", "revision", "-m", "Forget it")

        assert done.code == 1 - written
        assert "roles.forgotten" in done.error
        assert len(list((tmp_path / "migrations/versions").glob("*.py"))) == len(KNOWN) + written


def test_migrations_of_two_branches_are_joined(app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = shutil.copytree(migrate.MIGRATIONS_DIR, tmp_path / "migrations") / "versions"
    monkeypatch.setattr(migrate, "MIGRATIONS_DIR", versions.parent)
    assert app("db", "merge").out == "There is one newest migration: nothing to do.\n"
    for name in ("theirs", "ours"):
        lines = (f'revision = "{name}"', f'down_revision = "{next(iter(HEADS))}"', *EMPTY)
        (versions / f"{name}.py").write_text("\n".join(lines))

    assert "app db upgrade" in app("db", "check").error
    for refused in (app("db", "upgrade"), app("setup")):
        assert refused.code == 1
        assert "app db merge" in refused.error
    assert app("db", "merge").code == 0

    assert len(revisions.heads(versions.parent)) == 1
    assert app("db", "upgrade").code == 0


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["db", "upgrade"], id="upgrade"),
        pytest.param(["db", "check"], id="check"),
        pytest.param(["setup"], id="setup"),
        pytest.param(["cleanup"], id="cleanup"),
        pytest.param(["users", "create-admin", "--email", "ada@example.com"], id="create-admin"),
    ],
)
def test_a_database_that_is_away_is_told_in_a_sentence(
    app: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////no/such/folder/app.db")
    assert "DATABASE_URL: the folder /no/such/folder does not exist: create it" in app(*command).error
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")

    refused = app(*command)

    assert refused.code == 1
    assert refused.error.startswith("app: The database does not answer. (")
    assert "DATABASE_URL" in refused.error
    assert refused.error.count("\n") == 0
