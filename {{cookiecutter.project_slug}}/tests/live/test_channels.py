"""Events reach other processes through PostgreSQL or Redis; here, these are other apps with brokers of their own."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from threading import Thread
from typing import Any

import pytest
from fakeredis import TcpFakeServer
from starlette.testclient import TestClient

from app.accounts.models import User
from app.live import broker, channels
from app.live.channels import Channel, open_channel
from app.live.events import RESYNC, Event
from app.settings.config import Settings
from tests.live.test_publishing import NOTES, add_note, assert_next_is_added
from tests.streams import open_stream
from tests.support import execute, sign_in, wait_until

StartApp = Callable[..., TestClient]


@pytest.fixture
def redis_url() -> Iterator[str]:
    with TcpFakeServer(("127.0.0.1", 0)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        host, port = server.server_address[:2]
        yield f"redis://{host!s}:{port}"
        server.shutdown()
        thread.join()


@pytest.mark.database("postgresql")
def test_postgresql_carries_events_to_other_processes(client: TestClient, start_app: StartApp, ada: User) -> None:
    other = sign_in(start_app(), ada)

    with open_stream(other, f"{NOTES}/live") as stream:
        assert_next_is_added(stream, sign_in(client, ada))


def test_redis_carries_events_to_other_processes(start_app: StartApp, ada: User, redis_url: str) -> None:
    here, there = (sign_in(start_app(redis_url=redis_url), ada) for _ in range(2))

    with open_stream(there, f"{NOTES}/live") as stream:
        assert_next_is_added(stream, here)


@pytest.mark.database("sqlite")
def test_without_redis_events_on_sqlite_stay_in_their_process(
    client: TestClient, start_app: StartApp, ada: User
) -> None:
    other = sign_in(start_app(), ada)

    with open_stream(other, f"{NOTES}/live") as stream:
        add_note(sign_in(client, ada), "Elsewhere")

        assert_next_is_added(stream, other)


@pytest.mark.database("postgresql")
def test_streams_resync_after_the_connection_was_lost(
    as_ada: TestClient, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "RETRY_SECONDS", 0.1)
    with open_stream(as_ada, f"{NOTES}/live") as stream:
        note = add_note(as_ada)
        assert stream.next_change_of(note) == "created"  # so NOTIFY is what the connection executed last
        execute(
            database_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database() AND query LIKE '%pg_notify%'",
        )

        assert stream.next_event()["name"] == "resync"
        assert_next_is_added(stream, as_ada)


@pytest.mark.database("postgresql")
def test_writes_succeed_while_events_cannot_be_sent(
    start_app: StartApp, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    as_ada = sign_in(start_app(database={"direct_url": "postgresql://test@127.0.0.1:1/none"}), ada)

    add_note(as_ada)

    wait_until(lambda: "unavailable: live updates between processes: ConnectionRefusedError" in caplog.text)
    assert len(as_ada.get(NOTES).json()["items"]) == 1


@pytest.mark.database("postgresql")
def test_foreign_message_is_ignored(as_ada: TestClient, database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with open_stream(as_ada, f"{NOTES}/live") as stream:
        execute(database_url, "SELECT pg_notify('live', 'not JSON'), pg_notify('live', '[1]'), pg_notify('live', '5')")

        assert_next_is_added(stream, as_ada)
    assert caplog.text.count("ignored a message that is not from this project") == 3


@pytest.mark.database("postgresql")
def test_pooler_without_a_direct_url_is_reported(
    make_settings: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    channel: Any = open_channel(make_settings(database={"pgbouncer": True}))

    assert type(channel) is Channel
    assert "set DATABASE_DIRECT_URL or REDIS_URL" in caplog.text


@pytest.mark.any_database
def test_outage_is_logged_once_and_ends_with_resync(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class FailingChannel(Channel):
        failures = 2

        async def send(self, messages: Sequence[str]) -> None:
            self.failures -= 1
            if self.failures >= 0:
                raise OSError
            await super().send(messages)

    async def publish_one() -> Event:
        hub = broker.Broker(FailingChannel())
        with hub.subscribe("notes") as events:
            await events.get()  # the first is `resync`
            hub.send(Event("notes", "created", "1"))
            return await events.get()

    monkeypatch.setattr(broker, "RETRY_SECONDS", 0.01)

    assert asyncio.run(publish_one()) == RESYNC
    assert caplog.text.count("unavailable: events wait for the other processes: OSError") == 1
