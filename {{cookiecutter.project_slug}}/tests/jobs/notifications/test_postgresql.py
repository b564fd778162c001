"""Workers of other processes are notified of jobs, after the commit."""

from collections.abc import Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.jobs.notifications import postgresql
from app.jobs.notifications.postgresql import listening
from tests.jobs.samples import act
from tests.support import execute, in_database, wait_until

pytestmark = pytest.mark.database("postgresql")

woken: list[str] = []


@pytest.fixture(autouse=True)
def listener(client: TestClient) -> Iterator[None]:
    """Listen as a worker does."""
    woken.clear()
    assert client.portal is not None
    with client.portal.wrap_async_context_manager(
        listening(client.app_state["settings"].database, lambda: woken.append("!"))
    ):
        wait_until(lambda: woken)  # once after it is connected
        woken.clear()
        yield


def test_worker_is_woken_once_for_many_jobs(client: TestClient) -> None:
    async def add(session: AsyncSession) -> None:
        for _ in range(100):
            await act.enqueue(session)

    in_database(client, add)

    wait_until(lambda: woken)
    assert len(woken) <= 2


def test_listener_connects_again(client: TestClient, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "RETRY_SECONDS", 0.01)

    execute(
        database_url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE query LIKE 'LISTEN%jobs%' AND datname = current_database()",
    )
    wait_until(lambda: woken)  # it looks for what it missed
    woken.clear()

    in_database(client, act.enqueue)
    wait_until(lambda: woken)
