"""Retries with increasing delays, and permanent failure."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.database.base import utc_now
from app.jobs import job_queue
from app.jobs.models import Job
from app.mail.mailer import Mailer
from app.settings.config import Settings
from tests.mail.helpers import emails_in, enqueue, queued_emails, send_due, update_all
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


def test_email_is_retried_with_increasing_delays_and_then_fails(
    client: TestClient, mailer: Mailer, broken: Settings
) -> None:
    enqueue(client, mailer, "ada@example.com")
    pauses: list[float] = []
    for _ in range(7):
        update_all(client, due_at=utc_now())
        send_due(client, broken)
        (mail,) = queued_emails(client)
        pauses.append(round((mail.due_at - utc_now()) / timedelta(minutes=1)))

    assert pauses[:6] == [1, 5, 30, 120, 360, 360]
    assert mail.attempts == 7
    assert mail.state == "failed"
    assert (mail.last_error or "").startswith("FileExistsError")
    assert mail.arguments is not None, "it can be retried"

    update_all(client, due_at=utc_now())
    send_due(client, broken)
    assert queued_emails(client)[0].attempts == 7, "failed emails are not retried automatically"


@pytest.mark.any_database
def test_broken_email_does_not_block_others(
    client: TestClient, mailer: Mailer, make_settings: MakeSettings, folder: Path
) -> None:
    async def add_broken(session: AsyncSession) -> None:
        session.add(Job(name="mail.send", arguments={"encrypted": "by a key that was thrown away"}))

    in_database(client, add_broken)
    enqueue(client, mailer, "ada@example.com")

    send_due(client, make_settings(mail={"url": f"file:{folder}"}))

    broken, sent = queued_emails(client)
    assert "can't be decrypted" in (broken.last_error or "")
    assert broken.state == "pending"
    assert sent.state == "succeeded"
    assert len(emails_in(folder)) == 1


@pytest.mark.any_database
def test_failed_email_can_be_retried(
    client: TestClient, mailer: Mailer, broken: Settings, make_settings: MakeSettings, folder: Path
) -> None:
    enqueue(client, mailer, "ada@example.com")
    update_all(client, attempts=6)
    send_due(client, broken)

    async def retry_email(session: AsyncSession) -> int:
        return await job_queue.retry(session, [await session.get_one(Job, failed.id)])

    (failed,) = queued_emails(client)
    assert failed.state == "failed"
    assert in_database(client, retry_email) == 1
    send_due(client, make_settings(mail={"url": f"file:{folder}"}))

    assert len(emails_in(folder)) == 1
    assert in_database(client, retry_email) == 0, "sent emails are not sent again"
