"""Events, and the messages that carry them between processes."""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_EVENT_CHARACTERS = 250
MAX_MESSAGE_BYTES = 7_500
"""PostgreSQL's limit is 8,000. https://www.postgresql.org/docs/current/sql-notify.html"""


class Event(NamedTuple):
    """What happened, without contents: who gets it loads the row, and so sees only what they may see."""

    topic: str
    """What streams subscribe to, such as `orders:17`."""
    name: str
    """What happened: `created`, `updated`, `deleted` or your own."""
    id: str = ""
    """ID of the row, if it is about one."""


RESYNC = Event("", "resync")
"""Events may be missing before this one: load everything again."""


def check_event(event: Event) -> None:
    """Check that the event can be sent.

    Raises:
        ValueError: it is too long. Send IDs, not contents.
    """
    if not event.topic or sum(map(len, event)) > MAX_EVENT_CHARACTERS:
        message = f"an event needs a topic and has at most {MAX_EVENT_CHARACTERS} characters: send the ID of a row"
        raise ValueError(message)


def pack(events: Iterable[Event]) -> Iterator[str]:
    """Divide events among messages: lines of JSON."""
    lines: list[str] = []
    for event in events:
        line = json.dumps(event)
        if sum(map(len, lines)) + len(lines) + len(line) > MAX_MESSAGE_BYTES:
            yield "\n".join(lines)
            lines = []
        lines.append(line)
    if lines:
        yield "\n".join(lines)


def unpack(message: str) -> list[Event]:
    """Return the events in a message.

    Raises:
        ValueError: it is none of `pack`.
    """
    try:
        return [Event(*map(str, json.loads(line))) for line in message.splitlines()]
    except TypeError as error:
        raise ValueError("not a message of events") from error
