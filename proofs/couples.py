"""Requests that write a note and an item: both, or none."""

import asyncio

from proofs.caller import Caller, check
from proofs.client import Request
from proofs.journal import Fault, Unknown
from proofs.rows import Attempts, Row, Rows

BASE = "/api/v1/pairs"
PAGE = 20


class Couples:
    """The notes and items of a user that have the same title."""

    def __init__(self, caller: Caller, notes: Rows, items: Rows) -> None:
        self.caller, self.notes, self.items = caller, notes, items

    async def create(self, title: str) -> None:
        """Create both."""
        attempts: Attempts = []
        while True:
            data = {"title": title, **self.notes.fields()}
            allowed = {201, 409} if attempts else {201}
            try:
                response = await self.caller.write(allowed, Request("POST", BASE, data))
            except Unknown as unknown:
                self._remember(attempts, data, unknown)
                continue
            await self._accept(title, [data] if response.status == 201 else attempts)
            return

    async def fail(self, title: str) -> None:
        """Create both, but fail after the first: there must be neither."""
        data = {"title": title, **self.notes.fields(), "fails": True}
        try:
            response = await self.caller.write({409}, Request("POST", BASE, data))
        except Unknown:
            return  # if it left a row, the next list shows it
        check("a pair that fails", response.problem, "PairRejected")
        await self._check_none(title)

    async def hurry(self, title: str) -> None:
        """Create both in so short a time that the task is often canceled."""
        data = {"title": title, **self.notes.fields()}
        seconds = self.caller.chance.uniform(0, 0.02)
        request = Request("POST", f"{BASE}/hurried?seconds={seconds:.5f}", data)
        try:
            response = await self.caller.ask({201, 503}, request)
        except Unknown as unknown:
            if unknown.possible:
                await self._settle_hurried(title, data)
            else:
                await self._check_none(title)
            return
        if response.status == 201:
            await self._accept(title, [data])
        else:
            await self._check_none(title)

    async def hurry_reading(self, note: Row, item: Row) -> None:
        """Read both in so short a time that the task is often canceled."""
        seconds = self.caller.chance.uniform(0, 0.008)
        path = f"{BASE}/hurried/{note['id']}/{item['id']}?seconds={seconds:.5f}"
        try:
            response = await self.caller.ask({200, 503}, Request("GET", path))
        except Unknown:
            return
        if response.status == 200:
            expected = {"note": note["title"], "item": item["title"]}
            check("a hurried read", response.body, expected)

    async def hurry_listing(self) -> None:
        """List notes in so short a time that the task is often canceled."""
        seconds = self.caller.chance.uniform(0, 0.008)
        request = Request("GET", f"{BASE}/hurried?seconds={seconds:.5f}")
        try:
            response = await self.caller.ask({200, 503}, request)
        except Unknown:
            return
        if response.status == 200:
            titles = [row["title"] for row in self.notes.expected()[:PAGE]]
            check("a hurried list", response.body, {"notes": titles})

    async def change(self, note: Row, item: Row, *, fails: bool) -> None:
        """Change both, or fail after the first."""
        attempts: Attempts = []
        path = f"{BASE}/{note['id']}/{item['id']}"
        while True:
            sent = self.notes.fields()
            data = {**sent, "note_version": note["version"], "fails": fails}
            allowed = {409} if fails else {200, 412} if attempts else {200}
            try:
                response = await self.caller.write(allowed, Request("PATCH", path, data))
            except Unknown as unknown:
                self._remember(attempts, sent, unknown)
                continue
            if fails:
                await self._check_same(note, item)
                return
            attempts = [sent] if response.status == 200 else attempts
            found = await self.notes.reread(note)
            self.notes.replace(note, found, attempts)
            same = [{"body": found["body"]}]
            self.items.replace(item, await self.items.reread(item), same)
            return

    async def _accept(self, title: str, attempts: Attempts) -> None:
        note, item = await self.notes.find(title), await self.items.find(title)
        if not note or not item or note["body"] != item["body"]:
            raise Fault(f"half a pair: {note}, {item}, sent {attempts}")
        self.notes.accept(note, attempts)
        self.items.accept(item, [{**one, "count": 0} for one in attempts])

    async def _settle_hurried(self, title: str, data: Row) -> None:
        """Both are there, or none."""
        if await self.notes.find(title) or await self.items.find(title):
            await self._accept(title, [data])

    async def _check_none(self, title: str) -> None:
        found = await self.notes.find(title), await self.items.find(title)
        check(f"rows of a pair that was not created, {title}", found, (None, None))

    async def _check_same(self, note: Row, item: Row) -> None:
        await self.notes.check_row(note)
        await self.items.check_row(item)

    def _remember(self, attempts: Attempts, sent: Row, unknown: Unknown) -> None:
        if self.caller.journal.is_hopeless:
            raise Fault("given up")
        if unknown.possible:
            attempts.append(sent)


async def sleep_together(callers: list[Caller], method: str, seconds: float) -> float:
    """Keep a connection for each caller busy at the same time; return the seconds it took."""
    request = Request(method, f"{BASE}/sleep?seconds={seconds}")
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(caller.ask({200}, request) for caller in callers))
    return asyncio.get_running_loop().time() - started
