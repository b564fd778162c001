"""Server-sent events: the stream of a page or client. https://html.spec.whatwg.org/multipage/server-sent-events.html

A route:

    @router.get("/live", response_class=EventSourceResponse)
    async def stream_orders(live: LiveDep, scope: CurrentScope) -> AsyncIterator[ServerSentEvent]:
        async for event in listen(live, topic_of(Order, scope.user_id)):
            yield event
"""

import json
import random
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Annotated, cast

from fastapi import Depends
from fastapi.requests import HTTPConnection
from fastapi.sse import ServerSentEvent

from app.live.broker import Broker
from app.live.events import Event

_RETRY_MILLISECONDS = 1_000, 5_000  # differs by client, so that they don't all come back at once after a restart


async def _provide_broker(connection: HTTPConnection) -> Broker:
    return cast(Broker, connection.scope["state"]["broker"])


LiveDep = Annotated[Broker, Depends(_provide_broker)]


async def listen(broker: Broker, *topics: str) -> AsyncIterator[ServerSentEvent]:
    """Yield the events of these topics, as JSON: `{"topic": …, "name": …, "id": …}`.

    The first is `resync`, which comes again whenever events may have been lost: load everything again.
    """
    yield ServerSentEvent(retry=random.randint(*_RETRY_MILLISECONDS))  # noqa: S311 - not a secret
    with broker.subscribe(*topics) as events:
        while True:
            yield _message(await events.get())


@lru_cache(maxsize=256)
def _message(event: Event) -> ServerSentEvent:
    """Return the message of an event, which many streams send."""
    return ServerSentEvent(raw_data=json.dumps(event._asdict()))
