"""A user who does one thing after the other, each with a certain probability."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import uuid4

from proofs.accounts import Account
from proofs.caller import Caller, if_match
from proofs.client import Request
from proofs.couples import Couples
from proofs.journal import Fault, Journal, Unknown
from proofs.pages import Browser
from proofs.rows import Row, Rows

WORDS = ("plain", "Straße", "STRASSE", "naïve", "100%_", r"back\slash", "🎈", "<b>&amp;")
SEARCHES = ("", "strasse", "STRAßE", "%_", r"\s", "🎈", "<b>", "lai", "no such thing")
MAX_ROWS = 40
PAUSE = 0.02
"""Mean seconds between two actions of a person."""
Action: TypeAlias = Callable[[], Awaitable[None]]


class Person:
    """A user, with all that the proof knows about them."""

    def __init__(self, port: int, journal: Journal, email: str, password: str) -> None:
        self.chance = random.Random(email)  # noqa: S311 - the same for each run
        self.caller, self.journal = Caller(port, journal, self.chance), journal
        self.email, self.is_admin = email, email.startswith("admin")
        self.notes = Rows(self.caller, "notes", lambda: {"body": self._text()})
        self.items = Rows(self.caller, "items", self._item)
        self.account = Account(self.caller, email, password)
        self.browser = Browser(Caller(port, journal, self.chance), self.notes)
        self.couples = Couples(self.caller, self.notes, self.items)
        self._number = 0

    async def sign_in(self) -> None:
        """Sign in, in the API and in the browser."""
        await self.account.sign_in()
        await self.browser.sign_in(self.email, self.account.password)
        await self.account.reload()  # which shows the time of the latest sign-in

    async def live(self, stop: asyncio.Event) -> None:
        """Act until told to stop; in the end, compare everything."""
        while not stop.is_set() and not self.journal.is_hopeless:
            name, action = self._choose()
            await self._act(name, action)
            await asyncio.sleep(self.chance.expovariate(1 / PAUSE))
        await self._act("compare everything", self.compare)

    async def compare(self) -> None:
        """Compare all rows with the model."""
        for rows in (self.notes, self.items):
            await rows.check_all(100)
        await self.account.check_me()
        await self.browser.check_list()

    async def _act(self, name: str, action: Action) -> None:
        self.journal.actions[name] += 1
        try:
            await action()
        except Fault as fault:
            self.journal.fault(f"{self.email}, {name}: {fault}")
            await self._reload()
        except Unknown:
            return

    async def _reload(self) -> None:
        try:
            await self.notes.reload()
            await self.items.reload()
            await self.account.reload()
        except (Fault, Unknown) as error:
            self.journal.fault(f"{self.email}, after a fault: {error!r}")

    def _choose(self) -> tuple[str, Action]:
        """Choose what is possible with the rows that there are."""
        weighted = [*self._without_rows(), *(self._with_rows() if self.notes.known else [])]
        if self.notes.known and self.items.known:
            weighted += self._with_both()
        names, weights, actions = zip(*weighted, strict=True)
        number = self.chance.choices(range(len(names)), weights)[0]
        return names[number], actions[number]

    def _without_rows(self) -> list[tuple[str, float, Action]]:
        rows, account, chance = self._resource(), self.account, self.chance
        limit, sort = chance.choice((1, 3, 7, 20)), chance.choice(("", "title", "-title"))
        search, title = chance.choice(SEARCHES), self._title()
        found: list[tuple[str, float, Action]] = [
            ("page through a list", 3, lambda: rows.check_all(limit, sort)),
            ("search", 2, lambda: rows.check_all(limit, sort, search)),
            ("read a missing row", 1, self._read_missing),
            ("me", 3, account.check_me),
            ("rename", 1, lambda: account.rename(title[:60])),
            ("refresh", 0.3, account.refresh),
            ("sign out and in", 0.1, account.sign_out_and_in),
            ("API key", 0.2, account.use_key),
            ("HTML list", 2, lambda: self.browser.check_list(sort, search)),
            ("fail halfway", 2, lambda: self.couples.fail(title)),
            ("list in a hurry", 2, self.couples.hurry_listing),
            ("create in a hurry", 3, lambda: self.couples.hurry(title)),
        ]
        if len(rows.known) < MAX_ROWS:
            found.append(("create", 3, lambda: rows.create(title)))
            found.append(("create a pair", 2, lambda: self.couples.create(title)))
            found.append(("HTML create", 1, lambda: self.browser.create(title)))
        if self.is_admin:
            items, prefix = self.items, self.email.partition("@")[0]
            found.append(("admin", 3, lambda: self.browser.check_admin(items, prefix)))
        return found

    def _with_rows(self) -> list[tuple[str, float, Action]]:
        rows = self._resource()
        row = self._any(rows) if rows.known else self._any(self.notes)
        rows = rows if rows.known else self.notes
        note, browser = self._any(self.notes), self.browser
        return [
            ("read", 6, lambda: rows.check_row(row)),
            ("change", 5, lambda: rows.change(row)),
            ("change without version", 1, lambda: rows.change(row, with_version=False)),
            ("change a stale version", 1, lambda: self._change_stale(rows, row)),
            ("take a title", 1, lambda: self._take_title(rows, row)),
            ("delete", 3 if len(rows.known) > MAX_ROWS / 2 else 1, lambda: rows.delete(row)),
            ("HTML note", 2, lambda: browser.check_note(note)),
            ("HTML change", 2, lambda: browser.change(note)),
            ("HTML change, stale", 0.5, lambda: browser.change_stale(note)),
            ("HTML delete", 0.5, lambda: browser.delete(note)),
        ]

    def _with_both(self) -> list[tuple[str, float, Action]]:
        note, item, couples = self._any(self.notes), self._any(self.items), self.couples
        return [
            ("change a pair", 2, lambda: couples.change(note, item, fails=False)),
            ("fail to change a pair", 1, lambda: couples.change(note, item, fails=True)),
            ("read in a hurry", 5, lambda: couples.hurry_reading(note, item)),
        ]

    async def _read_missing(self) -> None:
        await self.caller.get(f"{self._resource().base}/{uuid4()}", 404)

    async def _change_stale(self, rows: Rows, row: Row) -> None:
        headers = if_match(row["version"] - 1)
        request = Request("PATCH", f"{rows.base}/{row['id']}", rows.fields(), headers=headers)
        await self.caller.write({412}, request)

    async def _take_title(self, rows: Rows, row: Row) -> None:
        request = Request("POST", rows.base, {"title": row["title"], **rows.fields()})
        await self.caller.write({409}, request)

    def _resource(self) -> Rows:
        return self.chance.choice((self.notes, self.items))

    def _any(self, rows: Rows) -> Row:
        return self.chance.choice(list(rows.known.values()))

    def _title(self) -> str:
        self._number += 1
        word = self.chance.choice(WORDS)
        return f"{self.email.partition('@')[0]} {word} {self._number}"

    def _text(self) -> str:
        return f"text {self.chance.getrandbits(40)} {'x' * self.chance.choice((1, 10, 3_000))}"

    def _item(self) -> Row:
        return {"body": self._text(), "count": self.chance.randrange(-(2**31), 2**31)}
