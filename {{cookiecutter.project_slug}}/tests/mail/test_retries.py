"""Retries with increasing delays, and permanent failure."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.database.base import utc_now
from app.mail import outbox as queue
from app.mail.mailer import Mailer
from app.mail.models import OutboxMessage
from app.settings.config import Settings
from tests.mail.helpers import emails_in, enqueue, outbox, send_due, update_all
from tests.support import in_database

MakeSettings = Callable[..., Settings]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "written"


@pytest.fixture
def broken(make_settings: MakeSettings, tmp_path: Path) -> Settings:
    """Return settings with which sending fails: the folder is a file."""
    (tmp_path / "file").touch()
    return make_settings(mail={"url": f"file:{tmp_path / 'file'}", "max_attempts": 7})


def claim(client: TestClient) -> queue.ClaimedMessage | None:
    """Claim an email in its own transaction."""
    assert client.portal is not None
    return client.portal.call(queue.claim, client.app_state["database"])


def test_email_is_retried_with_increasing_delays_and_then_fails(
    client: TestClient, mailer: Mailer, broken: Settings
) -> None:
    enqueue(client, mailer, "ada@example.com")
    pauses: list[float] = []
    for _ in range(7):
        update_all(client, next_attempt_at=utc_now())
        send_due(client, broken)
        (mail,) = outbox(client)
        pauses.append(round((mail.next_attempt_at - utc_now()) / timedelta(minutes=1)))

    assert pauses[:6] == [1, 5, 30, 120, 360, 360]
    assert mail.attempts == 7
    assert mail.failed_at is not None
    assert (mail.last_error or "").startswith("FileExistsError")
    assert mail.payload is not None, "it can be retried"

    update_all(client, next_attempt_at=utc_now())
    send_due(client, broken)
    assert outbox(client)[0].attempts == 7, "failed emails are not retried automatically"


@pytest.mark.any_database
def test_broken_email_does_not_block_others(
    client: TestClient, mailer: Mailer, make_settings: MakeSettings, folder: Path
) -> None:
    async def add_broken(session: AsyncSession) -> None:
        session.add(OutboxMessage(template="hello", payload=b"of a key that was thrown away"))

    in_database(client, add_broken)
    enqueue(client, mailer, "ada@example.com")

    send_due(client, make_settings(mail={"url": f"file:{folder}"}))

    broken, sent = outbox(client)
    assert broken.last_error == "InvalidToken"
    assert sent.sent_at is not None
    assert len(emails_in(folder)) == 1


@pytest.mark.any_database
def test_failed_email_can_be_retried(
    client: TestClient, mailer: Mailer, broken: Settings, make_settings: MakeSettings, folder: Path
) -> None:
    enqueue(client, mailer, "ada@example.com")
    update_all(client, attempts=6)
    send_due(client, broken)

    async def retry_email(session: AsyncSession) -> int:
        return await queue.retry(session, [await session.get_one(OutboxMessage, failed.id)])

    (failed,) = outbox(client)
    assert failed.failed_at is not None
    assert in_database(client, retry_email) == 1
    send_due(client, make_settings(mail={"url": f"file:{folder}"}))

    assert len(emails_in(folder)) == 1
    assert in_database(client, retry_email) == 0, "sent emails are not sent again"


def test_claim_is_exclusive_and_expires(client: TestClient, mailer: Mailer) -> None:
    enqueue(client, mailer, "ada@example.com", "bob@example.com")
    database = client.app_state["database"]

    first, second = claim(client), claim(client)

    assert first
    assert second
    assert {first.id, second.id} == {mail.id for mail in outbox(client)}
    assert claim(client) is None

    update_all(client, next_attempt_at=utc_now())  # as if the claiming process had been killed
    again = claim(client)
    assert again
    assert again.attempts == 2
    late = first if again.id == first.id else second
    assert client.portal is not None
    client.portal.call(partial(queue.schedule_retry, database, late, "too late"))

    assert [mail.last_error for mail in outbox(client)] == [None, None], "an expired claim changes nothing"
