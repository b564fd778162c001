"""Streams of server-sent events.

with open_stream(as_ada, f"{BOOKS}/live") as stream:
    book = add_book(as_ada)
    assert stream.next_change_of(book) == "created"
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.testclient import TestClient

MAX_PINGS = 2
"""FastAPI sends one every 15 seconds in which there was no event."""


class Stream:
    """The events of a stream."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def next_event(self) -> dict[str, Any]:
        """Wait for the next event and return its data."""
        pings = 0
        for line in self._lines:
            if line.startswith("data: "):
                data: dict[str, Any] = json.loads(line.removeprefix("data: "))
                return data
            pings += line.startswith(":")
            assert pings < MAX_PINGS, "there was no event"
        raise AssertionError("the stream has ended")

    def next_change(self) -> tuple[str, str]:
        """Wait for the next event and return what happened, and the ID of the row."""
        event = self.next_event()
        return event["name"], event["id"]

    def next_change_of(self, row: Mapping[str, Any]) -> str:
        """Wait for the next event of a row and return what happened; those of other tests may still arrive."""
        while (change := self.next_change())[1] != str(row["id"]):
            pass
        return change[0]


@contextmanager
def open_stream(client: TestClient, path: str) -> Iterator[Stream]:
    """Open a stream as this caller; it has the events from then on."""
    with client.stream("GET", path) as response:
        assert response.status_code == 200
        stream = Stream(response.iter_lines())
        assert stream.next_event()["name"] == "resync"
        yield stream
