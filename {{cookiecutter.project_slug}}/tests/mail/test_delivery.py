"""The loop in the server: it sends what was committed, at once, and nothing else; and it does not give in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from sqlalchemy import text
from starlette.testclient import TestClient

from app import features
from app.errors import Conflict
from app.http import SessionDep
from app.mail.mailer import Mailer
from app.main import create_app
from app.settings import Settings
from tests.mail.driving import body, outbox, post, written
from tests.support import in_database, wait_until

MakeSettings = Callable[..., Settings]

AN_HOUR = 3600


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "written"


@pytest.fixture
def start(
    make_settings: MakeSettings, templates: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Start an app that sends into a folder; `POST /api/hello` posts a mail, then answers 200, 409 or 500."""
    monkeypatch.setattr(features, "template_folders", lambda: [templates])

    @contextmanager
    def running(**mail: Any) -> Iterator[TestClient]:
        app = create_app(make_settings(mail={"in_server": True, "url": f"file:{folder}", "interval": AN_HOUR, **mail}))

        @app.post("/api/hello")
        async def say_hello(request: Request, session: SessionDep, then: str = "") -> None:
            await request.state.authenticator.mailer.post(session, "ada@example.com", "hello", text=f"Hello {then}.")
            if then == "refused":
                raise Conflict
            if then == "failed":
                raise LookupError

        with TestClient(app, raise_server_exceptions=False) as client:
            yield client

    return running


def test_mail_leaves_at_once_when_its_request_succeeds_and_never_when_it_fails(
    start: Callable[..., Any], folder: Path
) -> None:
    with start() as client:
        refused, failed, done = (client.post(f"/api/hello?then={then}") for then in ("refused", "failed", "done"))
        wait_until(lambda: written(folder))

        assert (refused.status_code, failed.status_code, done.status_code) == (409, 500, 200)
        wait_until(lambda: outbox(client)[0].sent_at)
        (mail,), (row,) = written(folder), outbox(client)

    assert "Hello done." in body(mail, "plain")
    assert (row.template, row.attempts, row.payload, row.failed_at, row.last_error) == ("hello", 1, None, None, None)
    assert [path.suffix for path in folder.iterdir()] == [".eml"], "no half-written file is left"


@pytest.mark.any_database
def test_mail_that_another_process_posted_leaves_after_the_interval(
    start: Callable[..., Any], client: TestClient, mailer: Mailer, folder: Path
) -> None:
    with start(interval=0.02):
        post(client, mailer, "ada@example.com")

        wait_until(lambda: written(folder))


@pytest.mark.any_database
def test_mail_waits_where_the_server_does_not_send(start: Callable[..., Any], client: TestClient, folder: Path) -> None:
    with start(in_server=False) as server:
        server.post("/api/hello?then=done")

    assert [mail.attempts for mail in outbox(client)] == [0]
    with start():
        wait_until(lambda: written(folder))


@pytest.mark.any_database
def test_server_outlives_an_outbox_that_cannot_be_used(
    start: Callable[..., Any], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with start() as client:
        in_database(client, lambda session: session.execute(text("ALTER TABLE outbox RENAME TO elsewhere")))
        try:
            client.portal.call(client.app_state["authenticator"].mailer.posted.set)
            wait_until(lambda: "the outbox cannot be used" in caplog.text)

            assert client.get("/health/live").status_code == 200
        finally:
            in_database(client, lambda session: session.execute(text("ALTER TABLE elsewhere RENAME TO outbox")))
        client.post("/api/hello?then=done")

        wait_until(lambda: written(folder))


@pytest.mark.any_database
@pytest.mark.parametrize(("environment", "warnings"), [("production", 1), ("development", 0)])
def test_production_is_warned_that_nobody_gets_mails(
    start_app: Callable[..., TestClient],
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    environment: str,
    warnings: int,
) -> None:
    safe = {"base_url": "https://testserver", "auth": {"argon2_memory_kib": 19_456}}

    start_app(environment=environment, mail={"in_server": True, "url": f"file:{folder}"}, **safe)

    assert caplog.text.count("nobody gets them") == warnings
