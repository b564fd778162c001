"""A test that imports.py copies into a project."""

import csv
import io
import threading
import time

from app.accounts.models import User
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient
from tests.admin.import_helpers import import_errors, import_file
from tests.sample.sample_notes.models import SampleNote  # type: ignore[import-not-found]
from tests.support import in_database  # type: ignore[import-not-found]


def test_speed(client: TestClient, browser: TestClient, admin: User) -> None:
    """Import during concurrent writes."""
    file = io.StringIO()
    rows = [(f"Note {number}", "x" * 80, admin.email) for number in range(5_000)]
    csv.writer(file).writerows([("title", "body", "owner"), *rows])
    waits: list[float] = []
    done = threading.Event()

    async def write(session: AsyncSession) -> None:
        session.add(SampleNote(title=f"Other {len(waits)}", owner_id=admin.id))

    def write_on() -> None:
        while not done.wait(0.02):
            begun = time.perf_counter()
            in_database(client, write)
            waits.append(time.perf_counter() - begun)

    other = threading.Thread(target=write_on)
    other.start()
    try:
        for query in ({"preview": "1"}, {}):
            first, begun, used = len(waits), time.perf_counter(), time.process_time()
            assert import_errors(import_file(browser, file.getvalue(), **query)) == []
            seconds, processor = time.perf_counter() - begun, time.process_time() - used
            name = client.app_state["database"].engine.dialect.name
            longest = max(waits[first:], default=0)
            print(
                name,
                query or "import",
                f"{seconds:.1f} s,",
                f"processor {processor:.1f} s,",
                end=" ",
            )
            print(f"longest other write {longest:.1f} s")
    finally:
        done.set()
        other.join()
