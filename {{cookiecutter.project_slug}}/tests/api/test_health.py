"""Health checks: live while the process runs, ready if the database is reachable and up to date."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from starlette.testclient import TestClient

from app.database import migrate, revisions
from app.settings.config import DatabaseSettings
from tests.postgres import free_port
from tests.support import execute, in_database, problem_of, unique_text


def test_live_and_ready(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


def test_old_schema_is_not_ready(start_app: Callable[..., TestClient], own_database_url: str) -> None:
    client = start_app(database={"url": own_database_url})
    in_database(client, lambda session: session.execute(text("UPDATE alembic_version SET version_num = '0001'")))

    response = client.get("/health/ready")

    assert response.headers["Retry-After"] == "1"
    assert problem_of(response)["status"] == 503
    assert "app db upgrade" in problem_of(response)["detail"]
    assert client.get("/health/live").status_code == 200


def test_empty_database_is_not_ready_until_it_is_migrated(
    start_app: Callable[..., TestClient], empty_database_url: str
) -> None:
    client = start_app(database={"url": empty_database_url})

    before = client.get("/health/ready").status_code
    migrate.upgrade(DatabaseSettings(url=empty_database_url))

    assert (before, client.get("/health/ready").status_code) == (503, 200)


def test_newer_schema_is_ready_and_logged_once(
    start_app: Callable[..., TestClient], own_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = start_app(database={"url": own_database_url})
    set_revision = text("UPDATE alembic_version SET version_num = :name").bindparams(name=unique_text(8))
    in_database(client, lambda session: session.execute(set_revision))

    responses = [client.get("/health/ready") for _ in range(2)]

    assert [response.status_code for response in responses] == [200, 200]
    assert caplog.text.count("the schema is newer than this release") == 1


def test_schema_of_another_branch_does_not_hide_a_pending_migration(
    start_app: Callable[..., TestClient], own_database_url: str
) -> None:
    client = start_app(database={"url": own_database_url})
    for statement in ("UPDATE alembic_version SET version_num = '0001'", "INSERT INTO alembic_version VALUES ('x')"):
        execute(own_database_url, statement)

    assert client.get("/health/ready").status_code == 503


def test_incompatible_schema_is_not_ready_until_it_is_downgraded(
    start_app: Callable[..., TestClient],
    own_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, database = start_app(database={"url": own_database_url}), DatabaseSettings(url=own_database_url)
    (head,) = revisions.heads()
    monkeypatch.setattr(migrate, "MIGRATIONS_DIR", shutil.copytree(migrate.MIGRATIONS_DIR, tmp_path / "migrations"))
    for name, before, more in (("breaks", head, "incompatible = True\n"), ("later", "breaks", "")):
        migration = (
            f"revision = {name!r}\ndown_revision = {before!r}\n{more}def upgrade(): pass\ndef downgrade(): pass\n"
        )
        (migrate.MIGRATIONS_DIR / "versions" / f"{name}.py").write_text(migration)

    migrate.upgrade(database)
    migrate.check(database)
    not_ready = client.get("/health/ready")
    migrate.downgrade(database, head)

    assert "deploy that release" in problem_of(not_ready)["detail"]
    assert client.get("/health/ready").status_code == 200
    migrate.upgrade(database)
    assert client.get("/health/ready").status_code == 503


@pytest.mark.database("postgresql")
def test_missing_database_permission_is_reported_as_such(
    start_app: Callable[..., TestClient], own_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The response doesn't disclose the permission that is missing; the log does."""
    role = f"role_{unique_text(8)}"
    execute(own_database_url, f"CREATE ROLE {role} LOGIN")
    client = start_app(database={"url": make_url(own_database_url).set(username=role).render_as_string()})

    problem = problem_of(client.get("/health/ready"))
    limit = f"ALTER ROLE {role} CONNECTION LIMIT 0"
    execute(own_database_url, limit)
    client.portal.call(client.app_state["database"].engine.dispose)  # type: ignore[union-attr]
    full = problem_of(client.get("/health/ready"))

    execute(own_database_url, f"DROP ROLE {role}")
    assert problem["detail"] == "The schema revision can't be read; see the log."
    assert "permission denied" in caplog.text
    assert full["detail"] == "The database is out of disk space, memory or connections."
    assert f'too many connections for role "{role}"' in caplog.text


def test_unreachable_server_is_not_ready(start_app: Callable[..., TestClient]) -> None:
    client = start_app(database={"url": f"postgresql://app@127.0.0.1:{free_port()}/app"})

    problem = problem_of(client.get("/health/ready"))

    assert (problem["status"], problem["detail"]) == (503, "The database is not responding.")
    assert client.get("/health/live").status_code == 200


def test_missing_folder_is_not_ready(start_app: Callable[..., TestClient], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    client = start_app(database={"url": f"sqlite:///{folder}/app.db"})
    shutil.rmtree(folder)

    assert problem_of(client.get("/health/ready"))["status"] == 503
