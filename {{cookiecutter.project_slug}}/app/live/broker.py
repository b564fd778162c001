"""Delivers events to the streams of this process."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from app.database.connection import Database
from app.live.channels import RETRY_SECONDS, Channel, open_channel
from app.live.events import RESYNC, Event, pack, unpack
from app.settings.config import Settings

logger = logging.getLogger("app.live")

MAX_QUEUED = 100
"""Events that wait in a stream whose client reads slowly; then `resync` replaces them."""
MAX_UNSENT = 1_000
"""Events that wait for the connection to the other processes; then `resync` for all streams replaces them."""
SEND_INTERVAL_SECONDS = 0.05
"""Events published within this time are sent together. The first is sent at once."""
SHUTDOWN_TIMEOUT_SECONDS = 1


class Subscription:
    """The events of one stream that are waiting to be sent."""

    def __init__(self) -> None:
        self._events = asyncio.Queue[Event](MAX_QUEUED)

    def put(self, event: Event) -> None:
        """Add an event; if the queue is full, `resync` replaces all of it."""
        if self._events.full():
            while not self._events.empty():
                self._events.get_nowait()
            event = RESYNC
        self._events.put_nowait(event)

    async def get(self) -> Event:
        """Wait for the next event."""
        return await self._events.get()


class Broker:
    """The streams of this process by topic, and the channel to the other processes."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._unsent: dict[Event, None] = {}
        self._sending: asyncio.Task[None] | None = None
        channel.on_message, channel.on_connect = self._receive, self._resync_all

    @contextmanager
    def subscribe(self, *topics: str) -> Iterator[Subscription]:
        """Receive the events of these topics. The first one is `resync`, once the channel is connected."""
        subscription = Subscription()
        for topic in topics:
            self._subscriptions.setdefault(topic, set()).add(subscription)
        self._channel.start()
        if self._channel.is_connected:
            subscription.put(RESYNC)
        try:
            yield subscription
        finally:
            for topic in topics:
                self._subscriptions[topic].discard(subscription)
                if not self._subscriptions[topic]:
                    del self._subscriptions[topic]

    def send(self, event: Event) -> None:
        """Send an event to all processes, including this one, without waiting."""
        if len(self._unsent) >= MAX_UNSENT:
            self._unsent = {RESYNC: None}
        self._unsent[event] = None
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        """Send the events; after a failure, `resync` instead of those that were lost, until it succeeds."""
        is_outage = False
        while self._unsent:
            events, self._unsent = [*self._unsent], {}
            try:
                await self._channel.send([*pack(events)])
                is_outage = False
            except Exception as error:  # noqa: BLE001 - any driver's
                if not is_outage:
                    logger.warning("unavailable: events wait for the other processes: %s", type(error).__name__)
                is_outage = True
                self._unsent = {RESYNC: None, **self._unsent}
            await asyncio.sleep(RETRY_SECONDS if is_outage else SEND_INTERVAL_SECONDS)

    def _receive(self, message: str) -> None:
        try:
            events = unpack(message)
        except ValueError:
            logger.warning("ignored a message that is not from this project")
            return
        for event in events:
            if event == RESYNC:
                self._resync_all()
            for subscription in self._subscriptions.get(event.topic, ()):
                subscription.put(event)

    def _resync_all(self) -> None:
        for subscription in {one for many in self._subscriptions.values() for one in many}:
            subscription.put(RESYNC)

    async def aclose(self) -> None:
        """Send what was published, and disconnect."""
        if self._sending is not None:
            await asyncio.wait({self._sending}, timeout=SHUTDOWN_TIMEOUT_SECONDS)
            self._sending.cancel()
        await self._channel.aclose()


def build_broker(settings: Settings, database: Database) -> Broker:
    """Create the broker with which sessions of this database publish. It connects when it is used."""
    broker = Broker(open_channel(settings))
    database.services["broker"] = broker
    return broker
