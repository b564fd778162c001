"""Address, link and content of an email are in no table, statement and log, whatever its state is."""

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.lifecycle import personal_data
from app.accounts.models import User
from app.mail.mailer import Mailer
from app.settings.config import Settings
from tests.mail.helpers import MailServer, enqueue, queued_emails, send_due, update_all
from tests.query_counts import capture_statements
from tests.support import emails_to, in_database, wait_until

SECRETS = ("countess.lovelace", "analytical-token")
ADDRESS = f"{SECRETS[0]}@example.com"
READ_FILES = "import sys; [sys.stdout.buffer.write(open(name, 'rb').read()) for name in sys.argv[1:]]"
LINK = f"http://testserver/verify/{SECRETS[1]}"


def database_dump(client: TestClient) -> str:
    """Return the content of the database: of SQLite's files, or of all rows as text."""

    async def read_rows(session: AsyncSession) -> str:
        connection = await session.connection()
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        rows = [(await session.scalars(text(f'SELECT t::text FROM "{name}" t'))).all() for name in tables]  # noqa: S608
        return str(rows)

    url = make_url(client.app_state["settings"].database.url)
    if url.get_backend_name() == "postgresql":
        return in_database(client, read_rows)
    path = Path(str(url.database))
    # In another process: closing a file releases all of this process's locks on it.
    read = [sys.executable, "-c", READ_FILES, *map(str, path.parent.glob(f"{path.name}*"))]
    return subprocess.run(read, check=True, capture_output=True).stdout.decode("latin-1")  # noqa: S603 - our own


@pytest.fixture
def traces(client: TestClient, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Return a function that returns all that is stored, executed and logged, except by the mail server."""
    caplog.set_level(logging.DEBUG)
    with capture_statements(client) as statements:

        def find() -> str:
            records = [record for record in caplog.records if record.name != "mail.log"]
            return f"{database_dump(client)}{statements}{[(one.getMessage(), one.exc_info) for one in records]}"

        yield find


def assert_private(traces: Callable[[], str]) -> None:
    found = traces()
    assert "mail.send" in found
    for secret in SECRETS:
        assert secret not in found
        assert secret.encode().hex() not in found


def test_content_is_stored_and_logged_nowhere(
    client: TestClient,
    mailer: Mailer,
    mail_server: MailServer,
    make_settings: Callable[..., Settings],
    traces: Callable[[], str],
) -> None:
    inbox = mail_server.inbox
    send = partial(send_due, client, make_settings(mail={"url": mail_server.url()}))

    enqueue(client, mailer, ADDRESS, text=LINK)
    assert LINK in emails_to(client, ADDRESS)[0]
    assert_private(traces)  # pending

    inbox.reply = f"451 <{ADDRESS}> not now, {LINK}"
    send()
    assert [mail.state for mail in queued_emails(client)] == ["pending"]
    assert_private(traces)  # waiting for the next attempt

    inbox.reply = f"554 <{ADDRESS}> never, {LINK}"
    update_all(client, due_at=queued_emails(client)[0].created_at)
    send()
    assert [mail.state for mail in queued_emails(client)] == ["failed"]
    assert_private(traces)

    inbox.reply, inbox.paused = "250 taken", True
    update_all(client, state="pending", ended_at=None, due_at=queued_emails(client)[0].created_at)
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(send)
        wait_until(lambda: inbox.received == 3)
        states = [mail.state for mail in queued_emails(client)]
        running = traces()
        inbox.paused = False
        sending.result()
    assert states == ["running"]
    assert not [secret for secret in SECRETS if secret in running]

    (sent,) = queued_emails(client)
    assert (sent.state, sent.arguments) == ("succeeded", None)
    assert_private(traces)
    assert mail_server.mails[0]["To"] == ADDRESS


def test_emails_of_an_account_are_deleted_with_it(client: TestClient, ada: User, bob: User) -> None:
    for user in (ada, bob):
        assert client.post("/api/v1/auth/password/forgot", json={"email": user.email}).status_code == 202

    in_database(client, lambda session: personal_data.delete_users(session, User.id == ada.id))

    assert emails_to(client, ada.email) == []
    assert len(emails_to(client, bob.email)) == 1
