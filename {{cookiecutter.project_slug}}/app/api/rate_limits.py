"""Rate limiting, shared by all workers."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from typing import NamedTuple, Protocol

from sqlalchemy import LargeBinary, bindparam, case, delete
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base, utc_now
from app.database.connection import Database
from app.errors import TooManyRequests, Unavailable
from app.settings.config import Settings
from app.settings.keys import KeyRing

_REDIS_TIMEOUT_SECONDS = 3


class TooManyAttempts(TooManyRequests):
    """A rate limit was exceeded."""

    title = "Too many attempts"

    def __init__(self, retry_after: timedelta, *, is_first: bool = False) -> None:
        super().__init__(retry_after)
        self.is_first = is_first
        """Whether this is the first rejection in the window."""


class RateLimit(NamedTuple):
    """Maximum number of attempts per time window."""

    name: str
    attempts: int
    window: timedelta


Bucket = tuple[RateLimit, str]
"""A rate limit and its subject: an IP address, an account or a device."""


class AttemptCount(Base):
    """A rate limit counter; the key is an HMAC of the limit and its subject."""

    __tablename__ = "attempt_counts"

    key: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    count: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class CounterStore(Protocol):
    """Storage of rate limit counters."""

    async def increment(self, key: bytes, window: timedelta) -> tuple[int, timedelta]:
        """Increment atomically; return the count and the remaining window."""

    async def clear(self, keys: Sequence[bytes]) -> None:
        """Reset counters."""

    async def aclose(self) -> None:
        """Close connections."""


class RateLimiter:
    """Counts attempts. Counts are committed immediately, so they survive a rollback of the request."""

    def __init__(self, settings: Settings, database: Database, keys: KeyRing) -> None:
        url = settings.redis_url
        self._counters: CounterStore = (
            RedisCounterStore(url.get_secret_value()) if url else DatabaseCounterStore(database)
        )
        self._keys = keys

    async def hit(self, limit: RateLimit, subject: str) -> None:
        """Count one attempt of a subject: an IP address, an account or a device. Call it outside a transaction.

        Raises:
            TooManyAttempts: the limit is exceeded.
        """
        count, remaining = await self._counters.increment(self._key(limit, subject), limit.window)
        if count > limit.attempts:
            raise TooManyAttempts(remaining, is_first=count == limit.attempts + 1)

    async def clear(self, buckets: Iterable[Bucket]) -> None:
        """Reset the counters of these buckets."""
        await self._counters.clear([self._key(limit, subject) for limit, subject in buckets])

    async def aclose(self) -> None:
        """Close the connections to Redis, if any."""
        await self._counters.aclose()

    def _key(self, limit: RateLimit, subject: str) -> bytes:
        return self._keys.digest("throttle", f"{limit.name}:{subject}")


class RateLimiterUnavailable(Unavailable):
    """Redis is unavailable. Requests that can't be counted are rejected (fail closed)."""

    title = "The rate limit service is unavailable"


class DatabaseCounterStore:
    """Stores counters in the database; each statement commits immediately."""

    def __init__(self, database: Database) -> None:
        self._database = database
        dialect = import_module(f"sqlalchemy.dialects.{database.engine.dialect.name}")
        now, ends = (bindparam(name, type_=AttemptCount.expires_at.type) for name in ("now", "ends"))
        insert = dialect.insert(AttemptCount).values(key=bindparam("subject"), count=1, expires_at=ends)
        expired = AttemptCount.expires_at <= now
        self._increment = insert.on_conflict_do_update(
            index_elements=[AttemptCount.key],
            set_={
                "count": case((expired, 1), else_=AttemptCount.count + 1),
                "expires_at": case((expired, ends), else_=AttemptCount.expires_at),
            },
        ).returning(AttemptCount.count, AttemptCount.expires_at)

    async def increment(self, key: bytes, window: timedelta) -> tuple[int, timedelta]:
        """Insert or increment in one statement; expired rows restart at one."""
        now = utc_now()
        rows = await self._database.execute(self._increment, {"subject": key, "now": now, "ends": now + window})
        ((count, expires_at),) = rows
        return count, expires_at - now

    async def clear(self, keys: Sequence[bytes]) -> None:
        """Delete the rows."""
        await self._database.execute(delete(AttemptCount).where(AttemptCount.key.in_(keys)))

    async def aclose(self) -> None:
        """Do nothing: the database is shared."""


class RedisCounterStore:
    """Stores counters in Redis, with expiry."""

    def __init__(self, url: str) -> None:
        # Imported here because it is slow to import and rarely used.
        from redis import RedisError  # noqa: PLC0415
        from redis.asyncio import Redis  # noqa: PLC0415

        self._redis = Redis.from_url(url, socket_timeout=_REDIS_TIMEOUT_SECONDS)
        self._failures = (RedisError, OSError)

    async def increment(self, key: bytes, window: timedelta) -> tuple[int, timedelta]:
        """Create the key with an expiry if it doesn't exist, and increment it, in one transaction.

        Raises:
            RateLimiterUnavailable: Redis failed.
        """
        name = _name(key)
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(name, 0, px=window, nx=True)
                pipeline.incr(name)
                pipeline.pttl(name)
                _, count, remaining = await pipeline.execute()
        except self._failures as error:
            raise RateLimiterUnavailable from error
        return count, timedelta(milliseconds=remaining)

    async def clear(self, keys: Sequence[bytes]) -> None:
        """Delete the keys.

        Raises:
            RateLimiterUnavailable: Redis failed.
        """
        try:
            await self._redis.delete(*map(_name, keys))
        except self._failures as error:
            raise RateLimiterUnavailable from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def _name(key: bytes) -> str:
    return f"attempts:{key.hex()}"
