"""Several clients increment the same counter, with the version they read: none may be lost."""

import asyncio

from proofs.caller import Caller, if_match
from proofs.client import Request
from proofs.journal import Fault, Journal, Unknown
from proofs.rows import Row


class Race:
    """An item whose `count` is incremented."""

    def __init__(self, callers: list[Caller], journal: Journal) -> None:
        self.callers, self.journal = callers, journal
        self.won: set[int] = set()
        """Versions that were acknowledged."""
        self.unknown = self.lost = 0
        self._path = ""

    async def prepare(self) -> None:
        """Create the item."""
        data = {"title": "counter", "body": "of all", "count": 0}
        response = await self.callers[0].ask({201}, Request("POST", "/api/v1/items", data))
        self._path = f"/api/v1/items/{response.body['id']}"

    async def run(self, caller: Caller, stop: asyncio.Event) -> None:
        """Increment until told to stop."""
        while not stop.is_set() and not self.journal.is_hopeless:
            try:
                await self._increment(caller, (await caller.get(self._path)).body)
            except (Fault, Unknown) as error:
                self.journal.fault(f"race: {error!r}")
            await asyncio.sleep(caller.chance.uniform(0, 0.1))

    async def _increment(self, caller: Caller, row: Row) -> None:
        data, headers = {"count": row["count"] + 1}, if_match(row["version"])
        request = Request("PATCH", self._path, data, headers=headers)
        try:
            response = await caller.write({200, 412}, request)
        except Unknown as unknown:
            self.unknown += unknown.possible
            return
        if response.status == 412:
            self.lost += 1
            return
        version = response.body["version"]
        if version != row["version"] + 1 or version in self.won:
            raise Fault(f"two clients changed version {row['version']}")
        self.won.add(version)

    async def finish(self) -> None:
        """Compare the counter with what was acknowledged."""
        row = (await self.callers[0].get(self._path)).body
        least, most = len(self.won), len(self.won) + self.unknown
        if not least <= row["count"] <= most or row["version"] != row["count"] + 1:
            self.journal.fault(f"race: {row} after {least} to {most} increments")
