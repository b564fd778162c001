"""How many connections a server process may have open, and which are closed when there are too many."""

import logging
import sys
import time
from functools import cache

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class Room:
    """Room for connections; idle ones make room for new ones."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._retry_at = 0.0  # a moment ago none was idle: do not look through all of them again

    def make_for(self, new: HttpToolsProtocol) -> None:
        """Close all idle connections when there are too many; if none is idle, the new one."""
        if len(new.connections) <= self.limit:
            return
        idle: list[HttpToolsProtocol] = []
        if time.monotonic() >= self._retry_at:
            others = (other for other in new.connections if isinstance(other, HttpToolsProtocol) and other is not new)
            idle = [other for other in others if is_idle(other) and not other.transport.get_write_buffer_size()]
            self._retry_at = 0 if idle else time.monotonic() + RETRY_SECONDS
            message = "%d connections are open (limits: SERVER_MAX_CONNECTIONS, `ulimit -n`): closed %d idle ones"
            logger.warning(message, len(new.connections), len(idle))
        for connection in idle or [new]:
            new.connections.discard(connection)
            connection.transport.abort()


def is_idle(connection: HttpToolsProtocol) -> bool:
    """Tell whether no request of this connection is being answered."""
    return connection.cycle is None or connection.cycle.response_complete


@cache
def room_for(setting: int) -> Room:
    """Return the room of this process: a quarter of the files that it may open is for everything else."""
    if sys.platform == "win32":
        return Room(setting)
    import resource  # noqa: PLC0415 - Unix only

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Room(setting if soft == resource.RLIM_INFINITY else min(setting, soft * 3 // 4))
