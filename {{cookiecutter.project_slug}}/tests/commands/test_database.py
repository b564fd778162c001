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
    """Return the URL of a database whose tables the test can change."""
    return own_database_url


def test_check_passes_on_a_migrated_database(app: Run) -> None:
    assert app("db", "check") == (0, "The database matches the models.\n", "")


def test_check_knows_every_table_in_its_own_process(database_url: str, tmp_path: Path) -> None:
    """In this process, other tests have imported the models."""
    checking = start_process(tmp_path, "check.log", "db", "check", DATABASE_URL=database_url)

    assert checking.wait(SECONDS_TO_START) == 0, (tmp_path / "check.log").read_text()


def test_downgrade_and_upgrade(app: Run, database_url: str) -> None:
    execute(database_url, "DROP TABLE sample_notes")  # created by the tests, not by a migration

    assert app("db", "downgrade", "base").code == 0
    assert app("db", "check").code == 1
    assert app("db", "upgrade").code == 0
    assert app("db", "check").code == 0


def test_upgrade_prints_applied_migrations(app: Run) -> None:
    (newest,) = revisions.code_revisions().heads
    assert app("db", "downgrade", "-1").code == 0

    assert app("db", "upgrade").out == f"Applied migrations: {newest}.\n"
    assert app("db", "upgrade").out == "The database is up to date.\n"


def test_upgrade_leaves_a_newer_schema_as_it_is(app: Run, database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    execute(database_url, "UPDATE alembic_version SET version_num = 'newer'")

    assert app("db", "upgrade").code == 0
    assert "the schema is newer than this release: no migration was applied" in caplog.text
    assert app("db", "upgrade", "newest").code == 1


def test_failed_migration_is_reported_with_its_location(
    app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = shutil.copytree(migrate.MIGRATIONS_DIR, tmp_path / "migrations") / "versions"
    monkeypatch.setattr(migrate, "MIGRATIONS_DIR", versions.parent)
    broken = versions / "broken.py"
    lines = ["from alembic import op", 'revision = "broken"', f'down_revision = "{next(iter(HEADS))}"']
    broken.write_text("\n".join([*lines, 'def upgrade() -> None: op.execute("DROP TABLE nosuch")', EMPTY[1]]))

    for failed in (app("db", "upgrade"), app("setup")):
        assert failed.code == 1
        assert failed.error.startswith(f"app: the migration in {broken}:4 failed and was rolled back: ")
        assert "nosuch" in failed.error


def test_unknown_revision_prints_clear_error(app: Run) -> None:
    failed = app("db", "upgrade", "no-such-revision")

    assert failed.code == 1
    assert "no-such-revision" in failed.error


def test_revision_writes_nothing_if_the_database_matches_the_models(app: Run) -> None:
    before = sorted((migrate.MIGRATIONS_DIR / "versions").glob("*.py"))

    failed = app("db", "revision", "-m", "nothing")

    assert failed.code == 1
    assert "no changes detected" in failed.error
    assert sorted((migrate.MIGRATIONS_DIR / "versions").glob("*.py")) == before


def test_revision_generates_a_migration_and_confirms_data_loss(
    app: Run, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "MIGRATIONS_DIR", shutil.copytree(migrate.MIGRATIONS_DIR, tmp_path / "migrations"))
    execute(database_url, "ALTER TABLE roles ADD COLUMN forgotten INTEGER")
    reported = app("db", "check").error
    assert "app db revision" in reported
    assert "drops column roles.forgotten and its values" in reported

    failed = app("db", "revision", "-m", "Forget it")
    assert failed.code == 1
    assert "drops column roles.forgotten and its values" in failed.error
    assert "--yes" in failed.error
    assert len(list((tmp_path / "migrations/versions").glob("*.py"))) == len(KNOWN)

    written = app("db", "revision", "-m", "Forget it", "--yes")

    path = Path(written.out.split()[1].rstrip("."))
    assert path.is_relative_to(tmp_path)
    assert "forgotten" in path.read_text()
    assert app("db", "upgrade").code == 0
    assert app("db", "check").code == 0
    assert app("db", "downgrade", "-1").code == 0


def test_lint_prints_what_a_migration_blocks(app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = shutil.copytree(migrate.MIGRATIONS_DIR, tmp_path / "migrations") / "versions"
    monkeypatch.setattr(migrate, "MIGRATIONS_DIR", versions.parent)
    head = next(iter(HEADS))
    assert app("db", "lint", "--since", head).code == 0
    lines = ["from alembic import op", 'revision = "locks"', f'down_revision = "{head}"']
    (versions / "locks.py").write_text("\n".join([*lines, "def upgrade() -> None: op.drop_table('roles')", EMPTY[1]]))

    failed = app("db", "lint", "--since", head)

    assert (failed.code, app("db", "lint").code) == (1, 1)
    assert "migrations/versions/locks.py:4: drop_table on roles: the previous release still uses it." in failed.out
    assert "`incompatible = True`" in failed.error
    assert app("db", "lint", "--since", "locks").code == 0
    assert "no-such" in app("db", "lint", "--since", "no-such").error


def test_revision_asks_for_confirmation_before_it_drops_data(
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


def test_migration_heads_are_merged(app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = shutil.copytree(migrate.MIGRATIONS_DIR, tmp_path / "migrations") / "versions"
    monkeypatch.setattr(migrate, "MIGRATIONS_DIR", versions.parent)
    assert app("db", "merge").out == "Nothing to merge: there is only one head.\n"
    for name in ("theirs", "ours"):
        lines = (f'revision = "{name}"', f'down_revision = "{next(iter(HEADS))}"', *EMPTY)
        (versions / f"{name}.py").write_text("\n".join(lines))

    assert "app db upgrade" in app("db", "check").error
    for failed in (app("db", "upgrade"), app("setup")):
        assert failed.code == 1
        assert "app db merge" in failed.error
    assert app("db", "merge").code == 0

    assert len(revisions.heads(versions.parent)) == 1
    assert app("db", "upgrade").code == 0


def test_contract_step_waits_until_it_is_added(
    app: Run, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(migrate.MIGRATIONS_DIR, tmp_path / "migrations")
    monkeypatch.setattr(migrate, "MIGRATIONS_DIR", folder)
    (folder / "contract").mkdir()
    assert app("db", "contract").out == "No contract step is waiting.\n"
    for statement in (
        "ALTER TABLE roles ADD COLUMN forgotten INTEGER CONSTRAINT ck_roles_forgotten CHECK (forgotten > 0)",
        "CREATE INDEX ix_roles_forgotten ON roles (forgotten)",
    ):
        execute(database_url, statement)
    assert app("db", "check").code == 1
    lines = [
        "from alembic import op",
        'revision = "later"',
        'down_revision = "x"',
        'drops = ["roles.forgotten"]',
        "def upgrade() -> None:",
        "    with op.batch_alter_table('roles') as roles:",
        "        roles.drop_index('ix_roles_forgotten')",
        "        roles.drop_constraint(op.f('ck_roles_forgotten'), type_='check')",
        "        roles.drop_column('forgotten')",
        EMPTY[1],
    ]
    (folder / "contract" / "later.py").write_text("\n".join(lines))

    assert app("db", "check").code == 0
    assert app("db", "contract").code == 0

    assert revisions.heads(folder) == {"later"}
    assert app("db", "check").code == 1
    assert app("db", "upgrade").code == app("db", "check").code == 0


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
def test_unreachable_database_prints_clear_error(app: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////no/such/folder/app.db")
    assert "DATABASE_URL: directory /no/such/folder not found: create it" in app(*command).error
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")

    failed = app(*command)

    assert failed.code == 1
    assert failed.error.startswith("app: The database is not responding (")
    assert "DATABASE_URL" in failed.error
    assert failed.error.count("\n") == 0
