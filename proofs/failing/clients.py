"""Clients that write and read all the time, and what they saw."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from secrets import token_hex

from proofs.client import Broken, Client, Request
from proofs.failing.failure import SUCCESSES

EMAIL, PASSWORD = "admin@example.com", "a password of the proof of failures"
PAUSE = 0.05
STEPS, STEP_SECONDS = 6, 0.05
TEXT_BYTES = 1500
"""Half the characters of a note, so that a full disk is noticed soon."""


@dataclass(frozen=True)
class Seen:
    """A request: when it was sent, how long it took, and its status, `refused` or `cut`."""

    client: str
    sent: float
    seconds: float
    status: str
    text: str = ""

    @property
    def is_success(self) -> bool:
        """Return whether it was served."""
        return self.status.isdigit() and int(self.status) in SUCCESSES


@dataclass
class Acknowledged:
    """What clients were told: titles of notes, addresses of mails, labels of jobs."""

    notes: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    walks: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)


class Crowd:
    """All clients of a scene; their requests are kept in the order in which they ended."""

    def __init__(self, port: int) -> None:
        self.port, self.seen, self.told = port, list[Seen](), Acknowledged()
        self.token = ""
        self._numbers = count()

    async def sign_in(self) -> None:
        """Sign in, for all clients.

        Raises:
            Broken: there was no response, or not 200.
        """
        data = {"email": EMAIL, "password": PASSWORD}
        response = await Client(self.port).send(Request("POST", "/api/v1/auth/login", data))
        if response.status != 200:
            raise Broken(f"sign-in: {response.status} {response.text}")
        self.token = response.body["access_token"]

    async def ask(self, name: str, client: Client, request: Request) -> Seen:
        """Send a request, and note what happened."""
        headers = {"authorization": f"Bearer {self.token}", **request.headers}
        sent, text = time.monotonic(), ""
        try:
            response = await client.send(request._replace(headers=headers))
            status, text = str(response.status), response.text
        except Broken:
            status = "cut"
        except OSError:
            status = "refused"
        found = Seen(name, sent, time.monotonic() - sent, status, text)
        self.seen.append(found)
        return found

    async def write_notes(self, name: str, stop: asyncio.Event) -> None:
        """Create a note and read the list, again and again."""
        client = Client(self.port)
        while not stop.is_set():
            title = f"{name} {next(self._numbers)}"
            note = Request("POST", "/api/v1/notes", {"title": title, "body": token_hex(TEXT_BYTES)})
            written = await self.ask(f"{name} writes", client, note)
            if written.status == "201":
                self.told.notes.append(title)
            await self.ask(f"{name} reads", client, Request("GET", "/api/v1/notes?limit=3"))
            if written.status == "401":
                await self._sign_in_again()
            await asyncio.sleep(PAUSE)

    async def _sign_in_again(self) -> None:
        try:
            await self.sign_in()
        except (Broken, OSError):
            return

    async def sign_up(self, name: str, stop: asyncio.Event) -> None:
        """Sign up again and again; each sends an email."""
        client = Client(self.port)
        while not stop.is_set():
            email = f"{name}-{next(self._numbers)}@example.com"
            data = {"email": email, "password": PASSWORD, "display_name": name}
            request = Request("POST", "/api/v1/auth/register", data)
            if (await self.ask(name, client, request)).status == "202":
                self.told.mails.append(email)
            await asyncio.sleep(4 * PAUSE)

    async def walk(self, name: str, stop: asyncio.Event) -> None:
        """Enqueue jobs; the first request and every fourth fail afterwards, and so roll back."""
        client, turns = Client(self.port), count()
        while not stop.is_set():
            label, fails = f"{name}-{next(self._numbers)}", next(turns) % 4 == 0
            data = {"label": label, "steps": STEPS, "seconds": STEP_SECONDS, "fails": fails}
            seen = await self.ask(name, client, Request("POST", "/api/v1/walks", data))
            if fails and seen.status in {"409", "503"}:
                self.told.rejected.append(label)
            elif seen.status == "204":
                self.told.walks.append(label)
            await asyncio.sleep(4 * PAUSE)

    def since(self, moment: float) -> list[Seen]:
        """Return the requests that ended after a moment."""
        return [one for one in self.seen if one.sent + one.seconds >= moment]

    def served_since(self, moment: float) -> dict[str, float]:
        """Return when each client was first served, by a request that it sent after a moment."""
        first: dict[str, float] = {}
        for one in self.seen:
            if one.sent >= moment and one.is_success:
                first.setdefault(one.client, one.sent + one.seconds)
        return first


def count_statuses(seen: list[Seen]) -> dict[str, int]:
    """Count requests by status, the successes first."""
    counted = Counter(one.status for one in seen)
    return dict(sorted(counted.items(), key=lambda item: (not item[0].isdigit(), item[0])))
