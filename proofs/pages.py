"""A user's notes as web pages, and the admin's list."""

import html
import re
from urllib.parse import quote

from proofs.caller import Caller, check
from proofs.client import Request, Response
from proofs.journal import Fault, Unknown
from proofs.rows import Attempts, Row, Rows

PAGE = 20
_TOKEN = re.compile(r'name="csrf_token" value="([^"]*)"')
# Not the element around the link, which changes with the look of the list.
_NOTE = re.compile(r'<a href="/notes/([\w-]{36})">(.*?)</a>')
_ADMIN_ROW = re.compile(r'<tr data-sa-pk="([\w-]{36})"')


class Browser:
    """A user's browser, with a session cookie."""

    def __init__(self, caller: Caller, notes: Rows) -> None:
        self.caller, self.notes = caller, notes
        self._csrf = ""

    async def sign_in(self, email: str, password: str) -> None:
        """Submit the login form."""
        form = {"csrf_token": await self._find_token("/login")}
        form |= {"email": email, "password": password}
        await self.caller.ask({303}, Request("POST", "/login", form=form))
        self._csrf = await self._find_token("/notes/new")

    async def check_list(self, sort: str = "", q: str = "") -> None:
        """Open the first page of the list."""
        page = await self.caller.get(f"/notes?sort={sort}&q={quote(q)}")
        shown = [(key, html.unescape(title)) for key, title in _NOTE.findall(page.text)]
        if not shown and 'class="empty"' not in page.text:
            raise Fault(f"/notes: neither rows nor a text that there are none: {page.text[-1500:]}")
        rows = self.notes.expected(sort, q)[:PAGE]
        check("/notes", shown, [(row["id"], row["title"]) for row in rows])

    async def check_note(self, row: Row) -> None:
        """Open a note."""
        page = html.unescape((await self.caller.get(f"/notes/{row['id']}")).text)
        if row["title"] not in page or row["body"] not in page:
            raise Fault(f"/notes/{row['id']} doesn't show {row}: {page[-1500:]}")

    async def create(self, title: str) -> None:
        """Submit the form of a new note."""
        sent = {"title": title, **self.notes.fields()}
        try:
            response = await self._submit({303}, "/notes/new", sent)
        except Unknown as unknown:
            await self.notes.create(title, [sent] if unknown.possible else [])
            return
        key = response.headers["location"].rpartition("/")[2]
        row = await self.notes.find(title)
        check("/notes/new, location", row and row["id"], key)
        self.notes.accept(row, [sent])

    async def change(self, row: Row) -> None:
        """Submit the form of a note, or find that it was submitted already."""
        attempts: Attempts = []
        while True:
            sent = {"title": row["title"], **self.notes.fields()}
            form = {**sent, "version": row["version"]}
            allowed = {303, 412} if attempts else {303}
            try:
                response = await self._submit(allowed, f"/notes/{row['id']}/edit", form)
            except Unknown as unknown:
                attempts += [sent] if unknown.possible else []
                continue
            found = await self.notes.reread(row)
            self.notes.replace(row, found, [sent] if response.status == 303 else attempts)
            return

    async def change_stale(self, row: Row) -> None:
        """Submit the form of an older version."""
        form = {"title": row["title"], **self.notes.fields(), "version": row["version"] - 1}
        await self._submit({412}, f"/notes/{row['id']}/edit", form)

    async def delete(self, row: Row) -> None:
        """Submit the form that deletes a note."""
        allowed = {303}
        while True:
            form = {"version": row["version"]}
            try:
                response = await self._submit(allowed, f"/notes/{row['id']}/delete", form)
            except Unknown as unknown:
                allowed |= {404, 412} if unknown.possible else set()
                continue
            if response.status == 412:  # as in `Rows.delete`
                await self.caller.get(f"/notes/{row['id']}", 404)
            del self.notes.known[row["id"]]
            return

    async def check_admin(self, items: Rows, prefix: str) -> None:
        """Open the admin's list of everyone's items, and search for one's own."""
        page = await self.caller.get(f"/admin/item/list?page_size=50&q={quote(prefix)}")
        shown = sorted(_ADMIN_ROW.findall(page.text))
        check("/admin/item/list", shown, sorted(row["id"] for row in items.expected(q=prefix)))

    async def _submit(self, allowed: set[int], path: str, form: Row) -> Response:
        request = Request("POST", path, form={**form, "csrf_token": self._csrf})
        if self.caller.journal.is_hopeless:
            raise Fault("given up")
        return await self.caller.write(allowed, request)

    async def _find_token(self, path: str) -> str:
        page = (await self.caller.get(path)).text
        if token := _TOKEN.search(page):
            return token[1]
        raise Fault(f"{path}: no form: {page[:300]}")
