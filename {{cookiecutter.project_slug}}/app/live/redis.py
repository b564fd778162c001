"""Channel over Redis' publish/subscribe, used when `REDIS_URL` is set."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from app.live.channels import RemoteChannel

PING_SECONDS = 30
_TIMEOUT_SECONDS = 3


class RedisChannel(RemoteChannel):
    """Listens on one connection and sends on others. Channels of Redis are shared by all of its databases."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__()
        self._url, self._name = url, name

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[None]:
        """Connect and subscribe."""
        redis = Redis.from_url(self._url, socket_timeout=_TIMEOUT_SECONDS, health_check_interval=PING_SECONDS)
        async with redis as self._redis, redis.pubsub() as self._pubsub:
            await self._pubsub.subscribe(self._name)
            yield

    async def wait_until_lost(self) -> None:
        """Receive messages; raise when the connection is lost."""
        while True:
            message = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=PING_SECONDS)
            if message is not None:
                self.on_message(message["data"].decode())

    async def transmit(self, messages: Sequence[str]) -> None:
        """Publish the messages."""
        for message in messages:
            await self._redis.publish(self._name, message)
