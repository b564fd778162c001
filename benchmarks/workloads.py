"""Rows in the database, and the requests that are measured."""

import base64
import json
from collections.abc import Mapping
from typing import NamedTuple

EMAIL = "bench@example.com"
LOGIN_EMAIL = "login@example.com"
"""The user who signs in repeatedly, which ends their older sessions."""
PASSWORD = "known to the benchmark only"  # noqa: S105
RESOURCE = ("Item", "title:str=200", "body:text", "--live")
"""Arguments of `app new resource`."""
COPIED = ("Anvil", "title:str=200", "body:text")
"""Another resource of a project with many."""
ITEMS = 100_000
NOTES = 100
PEOPLE = 100
"""Number of users with the same number of notes; one of them, an admin, sends the requests."""
PAGE = 20
ITEM_KEY = "00000000-0000-7000-8000-{:012x}"
"""Key of an item by number; 1 is the oldest."""
MADE = "made by the benchmark"
"""Title of new rows."""


class Workload(NamedTuple):
    """A type of request; `{:012x}` in its path stands for an item that was not updated before."""

    path: str
    method: str = "GET"
    data: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    connections: int = 16
    seconds: int = 1
    """Duration of a burst."""

    @property
    def is_numbered(self) -> bool:
        """Whether each request uses the next item, because each can be updated only once."""
        return "{:012x}" in self.path


def cursor_of(number: int) -> str:
    """Return the cursor of the page after an item."""
    position = json.dumps([ITEM_KEY.format(number)])
    return base64.urlsafe_b64encode(position.encode()).rstrip(b"=").decode()


HEALTH = "health"
"""Liveness probe; "hello" is an ordinary route, of the feature in `hello/`."""
_LOGIN = {"email": LOGIN_EMAIL, "password": PASSWORD}
WORKLOADS = {
    HEALTH: Workload("/health/live"),
    "hello": Workload("/api/v1/hello"),
    "me": Workload("/api/v1/users/me"),
    "item": Workload(f"/api/v1/items/{ITEM_KEY.format(ITEMS // 2)}"),
    "page 1": Workload("/api/v1/items"),
    "page 4,000": Workload(f"/api/v1/items?cursor={cursor_of(ITEMS - 3_999 * PAGE + 1)}"),
    "create": Workload("/api/v1/items", "POST", {"title": MADE, "body": "A text."}),
    "change": Workload(f"/api/v1/items/{ITEM_KEY}", "PATCH", {"title": MADE}, {"If-Match": '"1"'}),
    "login": Workload("/api/v1/auth/login", "POST", _LOGIN, connections=4, seconds=2),
}
HTML = "notes page"
"""Web page, only of the project and the reference."""
PAGES = {**WORKLOADS, HTML: Workload("/notes")}
BY_OFFSET = {**WORKLOADS, "page 4,000": Workload(f"/api/v1/items?offset={3_999 * PAGE}")}
"""Workloads of stacks with OFFSET pagination."""
QUICK = ("hello", "me", "item", "page 1", "page 4,000", "create")
READS = {name: WORKLOADS[name] for name in (HEALTH, *QUICK[:-1])}
