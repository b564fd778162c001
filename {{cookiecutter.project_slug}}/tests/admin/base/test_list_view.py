"""Lists of large tables: counts, statements, indexes, timeouts and exports."""

import asyncio
import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient
from starlette_admin.views import BaseModelView as LibraryView

from app.accounts.models import User
from app.admin.base import exports, list_view, query_limits
from tests.admin.browser import csrf_token, listed_ids, page_text
from tests.admin.export_helpers import export_all
from tests.query_counts import capture_statements
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database

MANY = 20_000
ADD_MANY = text("""
    INSERT INTO sample_notes (id, title, body, owner_id, version, created_at, updated_at)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
        'Note ' || md5(n::text), repeat('x', 200), :owner, 1, now(), now()
    FROM generate_series(1, :count) AS n
""")


def add_notes(client: TestClient, owner: User, count: int) -> list[SampleNote]:
    """Insert notes, oldest first."""
    notes = [SampleNote(title=f"Note {number}", owner_id=owner.id) for number in range(count)]

    async def add(session: AsyncSession) -> None:
        session.add_all(notes)

    in_database(client, add)
    return notes


@pytest.fixture
def low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit counts to 30."""
    monkeypatch.setattr(list_view, "MAX_COUNT", 30)
    monkeypatch.setattr(list_view, "MAX_SEARCH_COUNT", 30)


def row_count_text(response: Response) -> str:
    """Return the text with the number of rows of a list."""
    assert response.status_code == 200, response.text
    found = re.search(r"Showing .* entries", page_text(response))
    assert found
    return found[0]


# Counts


def test_short_list_is_counted_exactly(client: TestClient, browser: TestClient, ada: User) -> None:
    add_notes(client, ada, 26)

    assert row_count_text(browser.get("/admin/sample-note/list")) == "Showing 1 to 25 of 26 entries"
    assert row_count_text(browser.get("/admin/sample-note/list?page=2")) == "Showing 26 to 26 of 26 entries"
    assert row_count_text(browser.get("/admin/sample-note/list?q=note 7")) == "Showing 1 to 1 of 1 entries"


@pytest.mark.usefixtures("low_limit")
def test_long_list_is_counted_up_to_the_limit(client: TestClient, browser: TestClient, ada: User) -> None:
    """The last page shows the exact number, and the page before at least one more row."""
    add_notes(client, ada, 60)
    pages = [row_count_text(browser.get(f"/admin/sample-note/list?q=note&page={page}")) for page in (1, 2, 3)]

    assert pages == [
        "Showing 1 to 25 of more than 30 entries",
        "Showing 26 to 50 of more than 50 entries",
        "Showing 51 to 60 of 60 entries",
    ]
    assert "more than 30" in page_text(browser.get("/admin/"))


@pytest.mark.usefixtures("low_limit")
def test_action_on_too_many_rows_is_rejected_with_their_number(
    client: TestClient, browser: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LibraryView, "action_select_all_limit", 10)
    add_notes(client, ada, 60)

    token = {"X-CSRFToken": csrf_token(browser)}
    response = browser.post("/admin/_api/sample-note/action?name=delete&all=1", headers=token)

    assert response.status_code == 400
    assert "(more than 30)" in response.json()["msg"]
    assert len(listed_ids(browser, "sample-note")) == 25


@pytest.fixture
def analyze(client: TestClient) -> Iterator[Callable[[], None]]:
    """Return a function that updates PostgreSQL's statistics. They are reset after the test."""

    def run(statement: str) -> None:
        in_database(client, lambda session: session.execute(text(statement)))

    yield lambda: run("ANALYZE sample_notes")
    run("TRUNCATE sample_notes")


@pytest.mark.database("postgresql")
@pytest.mark.usefixtures("low_limit")
def test_postgresql_estimates_the_number_of_rows(
    client: TestClient, browser: TestClient, ada: User, analyze: Callable[[], None]
) -> None:
    add_notes(client, ada, 1234)
    analyze()

    shown = browser.get("/admin/sample-note/list")
    assert row_count_text(shown) == "Showing 1 to 25 of about 1,230 entries"
    assert '<span id="rows-found" hidden>about 1,230</span>' in shown.text  # for the export dialog
    assert row_count_text(browser.get("/admin/sample-note/list?page=50")) == "Showing 1226 to 1234 of 1234 entries"
    assert "about 1,230" in page_text(browser.get("/admin/"))


# Statements and indexes


def test_picker_pages_without_counting(client: TestClient, browser: TestClient, ada: User) -> None:
    notes = add_notes(client, ada, 21)

    with capture_statements(client) as sent:
        lookup = "/admin/_api/sample-note/relation-lookup?limit=20&skip="
        pages = [browser.get(f"{lookup}{skip}").json() for skip in (0, 20)]

    assert [len(page["items"]) for page in pages] == [20, 1]
    assert [page["total"] for page in pages] == [21, 21]
    assert [item["id"] for page in pages for item in page["items"]] == [str(note.id) for note in notes]
    assert not [statement for statement, _ in sent if "count(" in statement.lower()]


def test_list_page_takes_three_statements(client: TestClient, browser: TestClient, ada: User) -> None:
    """The user, the rows and their count. On PostgreSQL, an estimate comes first."""
    add_notes(client, ada, 30)

    with capture_statements(client) as sent:
        assert len(listed_ids(browser, "sample-note")) == 25

    assert len([statement for statement, _ in sent if "pg_class" not in statement]) == 3
    assert sum("FROM auth_sessions" in statement for statement, _ in sent) == 1


def test_list_is_sortable_by_indexed_columns(client: TestClient, browser: TestClient, ada: User) -> None:
    notes = add_notes(client, ada, 3)
    offered = {
        view: set(re.findall(r"[?;&]sort=(\w+)__", browser.get(f"/admin/{view}/list").text)) - {"id"}
        for view in ("sample-note", "user", "role")
    }

    assert offered == {"sample-note": {"created_at"}, "user": {"email", "created_at"}, "role": {"name", "created_at"}}
    oldest_first = [str(note.id) for note in notes]
    assert listed_ids(browser, "sample-note", sort="created_at__asc") == oldest_first
    assert listed_ids(browser, "sample-note", sort="title__asc") == oldest_first[::-1]


def test_pages_of_equal_rows_do_not_overlap(client: TestClient, browser: TestClient, ada: User) -> None:
    add_notes(client, ada, 60)
    shown = [row for page in (1, 2, 3) for row in listed_ids(browser, "sample-note", page=page, sort="created_at__asc")]

    assert len(set(shown)) == len(shown) == 60


def query_plans(client: TestClient, browser: TestClient, path: str) -> str:
    """Return the query plans of a page."""
    with capture_statements(client) as sent:
        response = browser.get(path)
    assert response.status_code == 200, response.text
    reads = [found for found in sent if re.search(r"\bFROM (sample_notes|users)\b", found[0])]
    assert reads

    async def explain(session: AsyncSession) -> str:
        connection = await session.connection()
        plans = [await connection.exec_driver_sql(f"EXPLAIN {read}", parameters) for read, parameters in reads]
        return "\n".join(line for plan in plans for line in plan.scalars())

    return in_database(client, explain)


@pytest.fixture
def many_notes(client: TestClient, ada: User, analyze: Callable[[], None]) -> None:
    in_database(client, lambda session: session.execute(ADD_MANY, {"owner": ada.id, "count": MANY}))
    analyze()


@pytest.mark.database("postgresql")
@pytest.mark.usefixtures("low_limit", "many_notes")
def test_page_of_a_long_list_uses_an_index(client: TestClient, browser: TestClient) -> None:
    """The planner chooses them without hints."""
    lists = [f"list?{query}" for query in ("", f"page={MANY // 50}", "sort=created_at__asc")]
    pickers = [f"relation-lookup?limit=20&skip={skip}" for skip in (0, MANY // 2)]

    for path in [*(f"sample-note/{page}" for page in lists), *(f"_api/sample-note/{page}" for page in pickers)]:
        assert "Seq Scan on sample_notes" not in query_plans(client, browser, f"/admin/{path}"), path


@pytest.mark.database("postgresql")
def test_slow_search_returns_readable_error(
    client: TestClient, browser: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock simulates a large table without an index."""
    monkeypatch.setattr(query_limits, "STATEMENT_TIMEOUT_MS", 50)
    add_notes(client, ada, 1)

    async def lock(session: AsyncSession) -> Response:
        await session.execute(text("LOCK TABLE sample_notes IN ACCESS EXCLUSIVE MODE"))
        return await asyncio.to_thread(browser.get, "/admin/sample-note/list?q=note")

    response = in_database(client, lock)

    assert response.status_code == 400
    assert query_limits.QueryTimeout.message in page_text(response)
    monkeypatch.undo()
    assert row_count_text(browser.get("/admin/sample-note/list?q=note")) == "Showing 1 to 1 of 1 entries"


@pytest.mark.database("postgresql")
def test_slow_count_shows_a_lower_bound(
    client: TestClient, browser: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are shown although their count timed out."""
    add_notes(client, ada, 60)
    keys, calls = list_view.ListView._keys, iter(range(9))  # noqa: SLF001

    async def slow_at_last(*asked: Any) -> Any:
        found = await keys(*asked)
        return found.where(text("pg_sleep(5)::text = ''")) if next(calls) else found

    monkeypatch.setattr(list_view.ListView, "_keys", slow_at_last)
    monkeypatch.setattr(query_limits, "STATEMENT_TIMEOUT_MS", 500)

    assert row_count_text(browser.get("/admin/sample-note/list?q=note")) == "Showing 1 to 25 of more than 25 entries"


@pytest.mark.database("postgresql")
def test_statement_timeout_is_reset_for_actions(client: TestClient) -> None:
    async def limits(session: AsyncSession) -> list[str]:
        found = []
        async with query_limits.statement_timeout(session):
            found.append(str(await session.scalar(text("SHOW statement_timeout"))))
        return [*found, str(await session.scalar(text("SHOW statement_timeout")))]

    assert in_database(client, limits) == ["1s", "15s"]


# Exports


def test_export_reads_all_rows_in_chunks(
    client: TestClient, browser: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "CHUNK_SIZE", 10)
    notes = add_notes(client, ada, 20)  # so that the last chunk is empty

    response = export_all(browser, "json", filename="Ноты 1")
    rows = list(csv.DictReader(io.StringIO(export_all(browser, "csv").text)))

    newest_first = [note.title for note in reversed(notes)]
    assert [row["title"] for row in response.json()] == newest_first
    assert [row["Title"] for row in rows] == newest_first
    assert (rows[0]["Owner"], rows[0]["Owner id"]) == (ada.email, str(ada.id))
    assert "filename*=UTF-8''%D0%9D" in response.headers["Content-Disposition"]


def test_export_without_rows_is_valid(browser: TestClient) -> None:
    assert export_all(browser, "json").json() == []
    assert export_all(browser, "csv").text == "\ufeffID,Title,Body,Owner,Owner id,Created at,Updated at\r\n"


def test_selected_rows_and_fields_are_exported(client: TestClient, browser: TestClient, ada: User) -> None:
    notes = add_notes(client, ada, 3)
    path = f"/admin/_api/sample-note/action?name=export&pks={notes[0].id}&pks={notes[2].id}"
    data = {"csrftoken": csrf_token(browser), "format": "json", "scope": "selected", "fields": ["title"]}

    rows = browser.post(path, data=data).json()

    assert sorted(row["title"] for row in rows) == ["Note 0", "Note 2"]
    assert {name for row in rows for name in row} == {"title"}


def test_export_with_an_invalid_filter_is_rejected(browser: TestClient) -> None:
    data = {"csrftoken": csrf_token(browser), "format": "csv", "scope": "selected"}
    chosen = "filter%3Dcreated_at__eq%253D0001-01-01T00:00%252B14:00"
    path = f"/admin/_api/sample-note/action?name=export&all=1&_list_query={chosen}"

    assert browser.post(path, data=data).status_code == 400


def test_other_requests_are_served_during_an_export(
    client: TestClient, browser: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks are small, and the event loop serves other requests between them."""
    monkeypatch.setattr(exports, "CHUNK_SIZE", 20)
    add_notes(client, ada, 400)
    token = csrf_token(browser)
    parts: list[bytes] = []
    answered_before: list[int] = []
    answered = 0

    async def call(method: str, path: str, query: str, body: bytes, receive_part: Any) -> None:
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        headers = {"host": "testserver", "cookie": cookies, "content-type": "application/x-www-form-urlencoded"}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "server": ("testserver", 80),
            "client": ("testclient", 50000),
            "root_path": "",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "state": dict(browser.app_state),
        }
        asked = iter([{"type": "http.request", "body": body}])

        async def receive() -> Any:
            return next(asked, None) or await asyncio.Event().wait()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body" and message.get("body"):
                receive_part(message["body"])

        await browser.app(scope, receive, send)

    def note_part(part: bytes) -> None:
        parts.append(part)
        answered_before.append(answered)

    async def visit() -> None:
        nonlocal answered
        while True:
            await call("GET", "/health/live", "", b"", lambda _: None)
            answered += 1
            await asyncio.sleep(0.001)  # a busy loop would starve SQLite's thread

    async def export_while_others_visit() -> None:
        visitor = asyncio.create_task(visit())
        data = f"csrftoken={token}&format=json&scope=selected".encode()
        try:
            await call("POST", "/admin/_api/sample-note/action", "name=export&all=1", data, note_part)
        finally:
            visitor.cancel()

    assert browser.portal is not None
    browser.portal.call(asyncio.wait_for, export_while_others_visit(), 30)

    assert len(json.loads(b"".join(parts))) == 400
    assert max(part.count(b'"title"') for part in parts) == 20
    assert len(set(answered_before)) > len(parts) // 2, answered_before
