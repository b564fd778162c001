"""A model of a user's rows: what the API must return, and the requests that change it.

A write without a clear response is settled by a second one that only succeeds if the first did not
and now can't: with the same title, which is unique, or with the same `If-Match`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import quote

from proofs.caller import Caller, check, if_match
from proofs.client import Request
from proofs.journal import Fault, Unknown

Row: TypeAlias = dict[str, Any]
Attempts: TypeAlias = list[Row]


def is_after(found: Row, before: Row, sent: Mapping[str, object]) -> bool:
    """Return whether a row is another one with the fields sent, and its version one higher."""
    changed = {**before, **sent, "version": before["version"] + 1}
    changed["updated_at"] = found["updated_at"]
    times = (datetime.fromisoformat(row["updated_at"]) for row in (before, found))
    return found == changed and next(times) < next(times)


class Rows:
    """The rows of a user in one resource."""

    def __init__(self, caller: Caller, name: str, fields: Callable[[], Row]) -> None:
        self.caller, self.name, self.base = caller, name, f"/api/v1/{name}"
        self.fields = fields
        """Makes values of all fields but the title."""
        self.known: dict[str, Row] = {}

    async def create(self, title: str, before: Attempts | None = None) -> None:
        """Create a row, unless it was one of the attempts before."""
        attempts = before or []
        while True:
            data = {"title": title, **self.fields()}
            allowed = {201, 409} if attempts else {201}
            try:
                response = await self.caller.write(allowed, Request("POST", self.base, data))
            except Unknown as unknown:
                self._remember(attempts, data, unknown)
                continue
            if response.status == 201:
                self.accept(response.body, [data])
            else:
                self.accept(await self.find(title), attempts)
            return

    async def find(self, title: str) -> Row | None:
        """Return the row with a title from the API."""
        page = (await self.caller.get(f"{self.base}?title={quote(title)}")).body
        if len(page["items"]) > 1:
            raise Fault(f"{self.name}: several rows with one title: {page}")
        return page["items"][0] if page["items"] else None

    def accept(self, row: Row | None, attempts: Attempts) -> None:
        """Add a new row to the model: it must be one of those sent."""
        if row is None or row["id"] in self.known or row["version"] != 1:
            raise Fault(f"{self.name}: not a new row: {row}, sent {attempts}")
        if not any(row.items() >= sent.items() for sent in attempts):
            raise Fault(f"{self.name}: {row} is none of those sent: {attempts}")
        self.known[row["id"]] = row

    async def change(self, row: Row, *, with_version: bool = True) -> None:
        """Change a row; without its version, no other request may be under way."""
        attempts: Attempts = []
        headers = if_match(row["version"]) if with_version else {}
        send = self.caller.write if with_version else self.caller.ask
        while True:
            sent = self.fields()
            allowed = {200, 412} if attempts and with_version else {200}
            request = Request("PATCH", f"{self.base}/{row['id']}", sent, headers=headers)
            try:
                response = await send(allowed, request)
            except Unknown as unknown:
                self._remember(attempts, sent, unknown)
                headers, send = if_match(row["version"]), self.caller.write
                with_version = True
                continue
            if response.status == 200:
                self.replace(row, response.body, [sent])
            else:
                self.replace(row, await self.reread(row), attempts)
            return

    async def reread(self, row: Row) -> Row:
        """Return the row from the API."""
        found: Row = (await self.caller.get(f"{self.base}/{row['id']}")).body
        return found

    def replace(self, row: Row, found: Row, attempts: Attempts) -> None:
        """Change a row of the model: it must have been changed to one of those sent."""
        if not any(is_after(found, row, sent) for sent in attempts):
            raise Fault(f"{self.name}: {found} is not {row} changed by one of {attempts}")
        self.known[row["id"]] = found

    async def delete(self, row: Row) -> None:
        """Delete a row; 412 means that an earlier attempt deleted it at the same time."""
        request = Request("DELETE", f"{self.base}/{row['id']}", headers=if_match(row["version"]))
        attempts: Attempts = []
        while True:
            allowed = {204, 404, 412} if attempts else {204}
            try:
                response = await self.caller.write(allowed, request)
            except Unknown as unknown:
                self._remember(attempts, {}, unknown)
                continue
            if response.status == 412:
                await self.caller.get(request.path, 404)
            del self.known[row["id"]]
            return

    async def check_row(self, row: Row) -> None:
        """Get a row."""
        response = await self.caller.get(f"{self.base}/{row['id']}")
        check(f"{self.name}, one row", response.body, row)
        check(f"{self.name}, ETag", response.headers.get("etag"), f'"{row["version"]}"')

    async def check_all(self, limit: int, sort: str = "", q: str = "") -> None:
        """Get all pages of a list."""
        query, found, cursor = f"?limit={limit}&sort={sort}&q={quote(q)}", [], ""
        while True:
            page = (await self.caller.get(f"{self.base}{query}{cursor}")).body
            found += page["items"]
            if page["next_cursor"] is None:
                break
            check(f"{self.name}, rows of a page", len(page["items"]), limit)
            cursor = f"&cursor={page['next_cursor']}"
        check(f"{self.name}{query}", found, self.expected(sort, q))

    def expected(self, sort: str = "", q: str = "") -> Sequence[Row]:
        """Return the rows of a list."""
        rows = [row for row in self.known.values() if fold(q) in fold(row["title"])]
        key = sort.removeprefix("-") or "id"
        return sorted(rows, key=lambda row: str(row[key]), reverse=not sort or sort[0] == "-")

    async def reload(self) -> None:
        """Believe the API, after a fault."""
        page = (await self.caller.get(f"{self.base}?limit=100")).body
        self.known = {row["id"]: row for row in page["items"]}

    def _remember(self, attempts: Attempts, sent: Row, unknown: Unknown) -> None:
        if self.caller.journal.is_hopeless:
            raise Fault(f"{self.name}: not settled: {attempts}")
        if unknown.possible:
            attempts.append(sent)


def fold(text: str) -> str:
    """Fold text as search does, for the titles of the proof."""
    return text.lower().replace("ß", "ss")
