"""Live connections of a process: open WebSockets and event streams, which last as long as their clients want.

They don't count as concurrent requests, so they have limits of their own. They end when their session or token does,
when the permissions of the caller change, and when the server shuts down.
"""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol
from uuid import UUID
from weakref import WeakSet

from starlette.types import Scope

from app.api.shutdown_signal import call_at_shutdown
from app.database.connection import Database
from app.database.outages import OUTAGES, log_outage
from app.errors import TooManyRequests, Unauthorized, Unavailable
from app.settings.config import ServerSettings

logger = logging.getLogger(__name__)

CREDENTIAL = "credential"  # key in the connection's state
_of_this_process: WeakSet["LiveConnections"] = WeakSet()


class TooManyLiveConnections(TooManyRequests):
    """The user has as many open WebSockets and event streams as `SERVER_MAX_LIVE_CONNECTIONS_PER_USER` allows."""

    title = "Too many open connections"


class AuthenticationEnded(Unauthorized):
    """The session or token has ended or expired, the account is disabled, or its permissions have changed."""

    title = "Session ended or permissions changed. Connect again"


class ServerStopping(Unavailable):
    """The server shuts down; clients should connect again."""

    title = "The server is restarting"


class Caller(Protocol):
    """The caller of a connection, such as `app.accounts.scope.Scope`."""

    @property
    def user_id(self) -> UUID:
        """Of the user."""

    @property
    def session_id(self) -> UUID:
        """Of the session or API key."""

    @property
    def grants(self) -> object:
        """Roles and permissions; the connection ends when they change."""


class Credential(NamedTuple):
    """What authenticated a connection."""

    caller: Caller
    find_callers: Callable[[Database, Collection[UUID]], Awaitable[Mapping[UUID, Caller]]]
    """Return the current callers of those sessions or API keys that are still valid, by ID, with one query."""
    expires_at: float | None = None
    """Unix timestamp of the token's expiry, which `find_callers` doesn't know."""


def set_credential(scope: Scope, credential: Credential) -> None:
    """Store what authenticated a request or WebSocket; it is checked again if the connection stays open."""
    scope["state"][CREDENTIAL] = credential


class LiveConnection:
    """An open WebSocket or event stream, served by the current task."""

    def __init__(self, credential: Credential | None, owner: object, task: asyncio.Task[Any] | None) -> None:
        self.credential, self.owner, self._task = credential, owner, task
        self.reason: Unauthorized | Unavailable | None = None

    def end(self, reason: Unauthorized | Unavailable) -> None:
        """Cancel the application; `app.api` then closes the WebSocket, or completes the response."""
        if self.reason is None and self._task is not None:
            self.reason = reason
            self._task.cancel()

    def has_ended(self) -> bool:
        """Return whether the task was cancelled by `end` and by nothing else, and resume it."""
        return self.reason is not None and self._task is not None and self._task.uncancel() == 0


class LiveConnections:
    """The live connections of an app in this process."""

    def __init__(self, settings: ServerSettings, database: Database) -> None:
        self._settings, self._database, self.loop = settings, database, asyncio.get_running_loop()
        self._checking: asyncio.Task[None] | None = None
        self._open: set[LiveConnection] = set()
        self._per_owner = Counter[object]()
        self._is_stopping = False
        _of_this_process.add(self)

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    def add(self, scope: Scope, task: asyncio.Task[Any] | None) -> LiveConnection:
        """Add a connection before it is accepted. Anonymous ones are counted by IP address.

        Raises:
            Unavailable: as many as `SERVER_MAX_LIVE_CONNECTIONS` are open, or the server shuts down.
            TooManyLiveConnections: the user has too many.
        """
        credential: Credential | None = scope["state"].get(CREDENTIAL)
        owner = credential.caller.user_id if credential else (scope.get("client") or [""])[0]
        if self._is_stopping:
            raise ServerStopping
        if len(self._open) >= self._settings.max_live_connections:
            raise Unavailable("Too many WebSockets and event streams are open.")
        if self._per_owner[owner] >= self._settings.max_live_connections_per_user:
            raise TooManyLiveConnections(self._settings.live_check_interval)
        connection = LiveConnection(credential, owner, task)
        self._open.add(connection)
        self._per_owner[owner] += 1
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._keep_checking())
        return connection

    def discard(self, connection: LiveConnection) -> None:
        """Remove a connection as soon as the application has returned, before anything is awaited."""
        if connection in self._open:
            self._open.discard(connection)
            self._per_owner[connection.owner] -= 1
            if not self._per_owner[connection.owner]:
                del self._per_owner[connection.owner]

    def stop(self) -> None:
        """End all connections and accept no more."""
        self._is_stopping = True
        for connection in list(self._open):
            connection.end(ServerStopping())

    def end_sessions(self, session_ids: Collection[UUID]) -> None:
        """End the connections of these sessions or API keys."""
        for connection in list(self._open):
            if connection.credential and connection.credential.caller.session_id in session_ids:
                connection.end(AuthenticationEnded())

    async def check(self) -> None:
        """End connections whose caller isn't authenticated anymore, with one query per type of credential."""
        by_type = defaultdict[Any, list[tuple[LiveConnection, Credential]]](list)
        for connection in self._open:
            if connection.credential:
                by_type[connection.credential.find_callers].append((connection, connection.credential))
        for find_callers, connections in by_type.items():
            found = await find_callers(self._database, {credential.caller.session_id for _, credential in connections})
            for connection, (before, _, expires_at) in connections:
                now = found.get(before.session_id)
                expired = expires_at is not None and expires_at <= time.time()
                if connection in self._open and (expired or now is None or now.grants != before.grants):
                    connection.end(AuthenticationEnded())

    async def _keep_checking(self) -> None:
        """Check at intervals while connections are open; they stay open while the database is unavailable."""
        while self._open:
            await asyncio.sleep(self._settings.live_check_interval.total_seconds())
            try:
                await self.check()
            except OUTAGES as error:
                log_outage(error)
            except Exception:
                logger.exception("could not check the sessions of live connections")

    async def aclose(self) -> None:
        """End all connections and stop checking."""
        self.stop()
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.gather(self._checking, return_exceptions=True)


async def end_sessions(session_ids: Collection[UUID]) -> None:
    """End the live connections that these sessions or API keys have in this process.

    Other processes notice within `SERVER_LIVE_CHECK_INTERVAL`.
    """
    for connections in list(_of_this_process):
        if connections.loop is asyncio.get_running_loop():  # tests run several
            connections.end_sessions(session_ids)


@asynccontextmanager
async def end_at_shutdown(connections: LiveConnections) -> AsyncIterator[None]:
    """Context manager: end the connections when the process receives a shutdown signal, or at the end of the block."""
    with call_at_shutdown(connections.stop):
        try:
            yield
        finally:
            await connections.aclose()
