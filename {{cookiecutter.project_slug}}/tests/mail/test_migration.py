"""The migration that makes jobs of the emails in the outbox of earlier releases."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, Uuid, select

from app.database import migrate
from app.database.base import utc_now
from app.database.column_types import UtcDateTime
from app.database.connection import Database
from app.jobs.models import Job
from app.mail.jobs import send
from app.settings.config import Settings
from app.settings.keys import KeyRing
from tests.support import in_database_of

OLD_KEY, NEW_KEY = "the secret key of earlier releases", "the secret key that replaced this one"

OUTBOX = Table(
    "outbox",
    MetaData(),
    Column("id", Uuid(), primary_key=True),
    Column("template", String()),
    Column("payload", LargeBinary()),
    Column("attempts", Integer()),
    Column("next_attempt_at", UtcDateTime()),
    Column("sent_at", UtcDateTime()),
    Column("failed_at", UtcDateTime()),
    Column("last_error", String()),
    Column("version", Integer()),
    Column("created_at", UtcDateTime()),
    Column("updated_at", UtcDateTime()),
)
NOW = utc_now().replace(microsecond=0)


@pytest.fixture
def settings(make_settings: Callable[..., Settings], empty_database_url: str) -> Settings:
    """Return settings with a new secret key and the database of an earlier release."""
    return make_settings(database={"url": empty_database_url}, secret_key=NEW_KEY, secret_key_fallbacks=OLD_KEY)


def outbox_row(settings: Settings, **values: Any) -> dict[str, Any]:
    """Return an email as earlier releases stored it."""
    old_keys = KeyRing(settings.model_copy(update={"secret_key": settings.secret_key_fallbacks[0]}))
    payload = old_keys.encrypt("outbox", json.dumps({"to": "ada@example.com", "text": "Subject: A\n\nB"}).encode())
    common = {"payload": payload, "version": 1, "created_at": NOW, "updated_at": NOW, "next_attempt_at": NOW}
    return {"id": uuid4(), "template": "verify_email", "attempts": 0, **common, **values}


def test_unsent_emails_become_jobs_and_go_back(settings: Settings) -> None:
    pending = outbox_row(settings, next_attempt_at=NOW + timedelta(hours=2), attempts=3, last_error="Nobody there")
    failed = outbox_row(settings, failed_at=NOW, attempts=8)
    sent = outbox_row(settings, sent_at=NOW, payload=None)

    async def add_emails(database: Database) -> None:
        async with database.sessions.begin() as session:
            empty = dict.fromkeys(OUTBOX.c.keys())
            await session.execute(OUTBOX.insert(), [empty | row for row in (pending, failed, sent)])

    async def read_jobs(database: Database) -> dict[UUID, Job]:
        async with database.read_sessions() as session:
            return {row.id: row for row in await session.scalars(select(Job))}

    async def read_outbox(database: Database) -> dict[UUID, Any]:
        async with database.read_sessions() as session:
            return {row.id: row for row in await session.execute(select(OUTBOX))}

    migrate.upgrade(settings.database, "0013")
    in_database_of(settings, add_emails)
    migrate.upgrade(settings.database)
    jobs = in_database_of(settings, read_jobs)

    assert jobs.keys() == {pending["id"], failed["id"]}
    waiting, ended = jobs[pending["id"]], jobs[failed["id"]]
    assert (waiting.name, waiting.queue, waiting.label) == (send.name, send.queue, "verify_email")
    assert (waiting.state, waiting.attempts, waiting.last_error) == ("pending", 3, "Nobody there")
    assert (waiting.due_at, waiting.ended_at) == (pending["next_attempt_at"], None)
    assert (ended.state, ended.attempts, ended.ended_at) == ("failed", 8, NOW)
    for job in jobs.values():
        assert send.load_arguments(job.arguments, KeyRing(settings)) == {
            "to": "ada@example.com",
            "text": "Subject: A\n\nB",
        }

    migrate.downgrade(settings.database, "0013")
    rows = in_database_of(settings, read_outbox)
    assert {key: row.payload for key, row in rows.items()} == {row["id"]: row["payload"] for row in (pending, failed)}
    assert (rows[pending["id"]].next_attempt_at, rows[failed["id"]].failed_at) == (waiting.due_at, NOW)
    assert in_database_of(settings, read_jobs) == {}
