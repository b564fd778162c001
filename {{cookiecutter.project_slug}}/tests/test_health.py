"""Health: live as long as the process runs, ready when the database is there and up to date."""

from collections.abc import Callable

from sqlalchemy import text
from starlette.testclient import TestClient

from app import migrate
from app.settings import DatabaseSettings
from tests.postgres import free_port
from tests.support import in_database, problem_of


def test_live_and_ready(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


def test_old_schema_is_not_ready(start_app: Callable[..., TestClient], own_database_url: str) -> None:
    client = start_app(database={"url": own_database_url})
    in_database(client, lambda session: session.execute(text("UPDATE alembic_version SET version_num = '0001'")))

    answer = client.get("/health/ready")

    assert answer.headers["Retry-After"] == "1"
    assert problem_of(answer)["status"] == 503
    assert "app db upgrade" in problem_of(answer)["detail"]
    assert client.get("/health/live").status_code == 200


def test_empty_database_is_not_ready_until_it_is_migrated(
    start_app: Callable[..., TestClient], empty_database_url: str
) -> None:
    client = start_app(database={"url": empty_database_url})

    before = client.get("/health/ready").status_code
    migrate.upgrade(DatabaseSettings(url=empty_database_url))

    assert (before, client.get("/health/ready").status_code) == (503, 200)


def test_absent_server_is_not_ready(start_app: Callable[..., TestClient]) -> None:
    client = start_app(database={"url": f"postgresql://app@127.0.0.1:{free_port()}/app"})

    problem = problem_of(client.get("/health/ready"))

    assert (problem["status"], problem["detail"]) == (503, "The database does not answer.")
    assert client.get("/health/live").status_code == 200


def test_absent_folder_is_not_ready(start_app: Callable[..., TestClient]) -> None:
    client = start_app(database={"url": "sqlite:///no/such/folder/app.db"})

    assert problem_of(client.get("/health/ready"))["status"] == 503
