"""Delivery loop in the server: sends committed emails promptly and survives errors."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import APIRouter, Request
from sqlalchemy import text
from starlette.testclient import TestClient

from app import features
from app.api.dependencies import SessionDep
from app.errors import Conflict
from app.jobs.wake import signal_of
from app.mail.mailer import Mailer
from tests.mail.helpers import body, emails_in, enqueue, queued_emails
from tests.support import in_database, wait_until

StartApp = Callable[..., TestClient]

AN_HOUR = 3600


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "written"


@pytest.fixture
def start(
    start_app: StartApp,
    add_routes: Callable[[APIRouter], None],
    templates: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> StartApp:
    """Return a function that starts an app with the folder transport.

    Its `POST /api/hello` queues an email and returns 200, 409 or 500.
    """
    monkeypatch.setattr(features, "find_template_folders", lambda: [templates])
    router = APIRouter()

    @router.post("/api/hello")
    async def say_hello(request: Request, session: SessionDep, then: str = "") -> None:
        await request.state.authenticator.mailer.enqueue(session, "ada@example.com", "hello", text=f"Hello {then}.")
        if then == "rejected":
            raise Conflict
        if then == "failed":
            raise LookupError

    add_routes(router)
    return lambda **jobs: start_app(
        mail={"url": f"file:{folder}"}, jobs={"in_server": True, "poll_interval": AN_HOUR, **jobs}
    )


def test_email_is_sent_after_commit_and_not_after_rollback(start: StartApp, folder: Path) -> None:
    client = start()

    rejected, failed, done = (client.post(f"/api/hello?then={then}") for then in ("rejected", "failed", "done"))
    wait_until(lambda: emails_in(folder))

    assert (rejected.status_code, failed.status_code, done.status_code) == (409, 500, 200)
    wait_until(lambda: queued_emails(client)[0].state == "succeeded")
    (mail,), (row,) = emails_in(folder), queued_emails(client)

    assert "Hello done." in body(mail, "plain")
    assert (row.label, row.attempts, row.arguments, row.state, row.last_error) == ("hello", 1, None, "succeeded", None)
    assert [path.suffix for path in folder.iterdir()] == [".eml"], "no temporary file is left"


@pytest.mark.any_database
def test_email_queued_by_another_process_is_sent_after_the_interval(
    start: StartApp, client: TestClient, mailer: Mailer, folder: Path
) -> None:
    start(poll_interval=0.02)

    enqueue(client, mailer, "ada@example.com")

    wait_until(lambda: emails_in(folder))


@pytest.mark.any_database
def test_email_stays_queued_if_the_server_does_not_send(start: StartApp, client: TestClient, folder: Path) -> None:
    start(in_server=False).post("/api/hello?then=done")

    assert [mail.attempts for mail in queued_emails(client)] == [0]

    start()

    wait_until(lambda: emails_in(folder))


@pytest.mark.any_database
def test_server_survives_an_unavailable_table(start: StartApp, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    client = start()
    in_database(client, lambda session: session.execute(text("ALTER TABLE jobs RENAME TO elsewhere")))
    try:
        assert client.portal is not None
        client.portal.call(signal_of(client.app_state["database"]).send)
        wait_until(lambda: "jobs are unavailable" in caplog.text)

        assert client.get("/health/live").status_code == 200
    finally:
        in_database(client, lambda session: session.execute(text("ALTER TABLE elsewhere RENAME TO jobs")))
    client.post("/api/hello?then=done")

    wait_until(lambda: emails_in(folder))


@pytest.mark.any_database
@pytest.mark.parametrize(("environment", "warnings"), [("production", 1), ("development", 0)])
def test_production_logs_warning_for_folder_transport(
    start_app: StartApp,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    environment: str,
    warnings: int,
) -> None:
    safe = {"base_url": "https://testserver", "auth": {"argon2_memory_kib": 19_456}}

    start_app(environment=environment, mail={"url": f"file:{folder}"}, **safe)

    assert caplog.text.count("and not sent") == warnings
