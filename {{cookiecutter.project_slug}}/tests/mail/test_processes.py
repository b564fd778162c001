"""Several processes: a killed one loses no email, and no email is sent twice."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from app.database.base import utc_now
from app.mail.mailer import Mailer
from tests.mail.helpers import MailServer, enqueue, queued_emails, update_all
from tests.server import SECONDS_TO_STOP, Server, start_process
from tests.support import wait_until

MAILS = 20


@pytest.fixture
def variables(mail_server: MailServer, certificate: Path, database_url: str) -> dict[str, str]:
    """Return the settings of a process that sends to the mail server."""
    return {
        "DATABASE_URL": database_url,
        "MAIL_URL": mail_server.url(),
        "JOBS_POLL_INTERVAL": "PT0.1S",
        "JOBS_IN_SERVER": "true",
        "JOBS_CONCURRENCY": "1",
        "SSL_CERT_FILE": str(certificate),
    }


@pytest.fixture
def start_sending(start_app: Callable[..., TestClient], mail_server: MailServer) -> Callable[[], TestClient]:
    """Return a function that starts an app which sends to the mail server."""
    return lambda: start_app(
        mail={"url": mail_server.url()}, jobs={"in_server": True, "poll_interval": 0.1, "concurrency": 1}
    )


@pytest.mark.any_database
def test_killed_server_loses_no_email(  # noqa: PLR0913, PLR0917 - fixtures
    start_server: Callable[..., Server],
    start_sending: Callable[[], TestClient],
    ada: User,
    bob: User,
    mail_server: MailServer,
    variables: dict[str, str],
) -> None:
    server = start_server(**variables)
    mail_server.inbox.paused = True
    for user in (ada, bob):
        asked = server.client.post("/api/v1/auth/password/forgot", json={"email": user.email})
        assert asked.status_code == 202
    wait_until(lambda: mail_server.inbox.received)  # the first is being sent, the second is waiting

    server.process.kill()
    server.process.wait(SECONDS_TO_STOP)
    mail_server.inbox.paused = False
    assert mail_server.mails == []

    client = start_sending()
    wait_until(lambda: mail_server.mails)
    update_all(client, due_at=utc_now())  # otherwise the first waits until its claim expires
    wait_until(lambda: all(mail.state == "succeeded" for mail in queued_emails(client)))

    assert [mail["To"] for mail in mail_server.mails] == [bob.email, ada.email]


def test_two_processes_send_each_email_once(  # noqa: PLR0913, PLR0917 - fixtures
    client: TestClient,
    mailer: Mailer,
    start_sending: Callable[[], TestClient],
    mail_server: MailServer,
    variables: dict[str, str],
    tmp_path: Path,
) -> None:
    """A server and `app worker`, which shuts down gracefully."""
    addresses = [f"user{number}@example.com" for number in range(MAILS)]
    mail_server.inbox.paused = True
    worker = start_process(tmp_path, "worker.log", "worker", **variables)
    try:
        enqueue(client, mailer, addresses[0])
        wait_until(lambda: mail_server.inbox.received == 1)  # the worker waits for a reply
        start_sending()
        enqueue(client, mailer, *addresses[1:])
        wait_until(lambda: mail_server.inbox.received == 2)  # each process has claimed one
        mail_server.inbox.paused = False
        wait_until(lambda: len(mail_server.inbox.envelopes) >= MAILS)
        wait_until(lambda: all(mail.state == "succeeded" for mail in queued_emails(client)))
        worker.send_signal(signal.SIGTERM)
        end = worker.wait(SECONDS_TO_STOP)
    finally:
        worker.kill()
        worker.wait()

    assert end == 0
    assert sorted(mail["To"] for mail in mail_server.mails) == sorted(addresses)
    assert len({mail["Message-ID"] for mail in mail_server.mails}) == MAILS
    assert {mail.attempts for mail in queued_emails(client)} == {1}
