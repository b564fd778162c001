"""Routes that read from a streaming replica, while it is behind and after it stopped."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import pytest
from fastapi import APIRouter, Response
from fastapi.testclient import TestClient
from sqlalchemy.engine import make_url

from app.accounts.api.dependencies import CurrentScope
from app.api.dependencies import ReplicaSessionDep, with_etag
from tests.postgres import PostgresNotAvailable, running_replica
from tests.sample.sample_notes import service
from tests.sample.sample_notes.models import SampleNote
from tests.sample.sample_notes.schemas import SampleNoteRead
from tests.support import another_client, execute, problem_of, sign_in, wait_until

pytestmark = pytest.mark.database("postgresql")

ON_REPLICA = "/api/v1/replica"
router = APIRouter(prefix=ON_REPLICA)


@router.get("/{note_id}", response_model=SampleNoteRead)
async def read_note(response: Response, session: ReplicaSessionDep, scope: CurrentScope, note_id: UUID) -> SampleNote:
    """Return a note as the replica has it."""
    return with_etag(response, await service.get_note(session, scope, note_id))


@pytest.fixture
def replica(database_url: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Return the URL of the test's database on a replica, and a function that stops it."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(running_replica(database_url))
        except PostgresNotAvailable as reason:
            pytest.skip(str(reason))
        yield url, stack.close


def test_only_the_route_that_opts_in_shows_old_rows(
    start_app: Callable[..., TestClient],
    add_routes: Callable[[APIRouter], None],
    replica: tuple[str, Callable[[], None]],
    ada: Any,
) -> None:
    url, stop = replica
    add_routes(router)
    as_ada = sign_in(start_app(database={"read_url": url}), ada)
    note = as_ada.post("/api/v1/sample-notes", json={"title": "old"}).json()
    on_replica, on_primary = f"{ON_REPLICA}/{note['id']}", f"/api/v1/sample-notes/{note['id']}"
    wait_until(lambda: as_ada.get(on_replica).status_code == 200)
    execute(url, "SELECT pg_wal_replay_pause()")

    changed = as_ada.patch(on_primary, json={"title": "new"})

    assert changed.status_code == 200
    assert as_ada.get(on_primary).json()["title"] == "new"
    shown = as_ada.get(on_replica)
    assert shown.json()["title"] == "old"
    stale = as_ada.patch(on_primary, json={"title": "newer"}, headers={"If-Match": shown.headers["ETag"]})
    assert stale.status_code == 412

    as_ada.post("/api/v1/auth/logout")
    assert as_ada.get(on_replica).status_code == 401

    execute(url, "SELECT pg_wal_replay_resume()")
    stop()
    again = sign_in(another_client(as_ada), ada)
    assert again.get(on_primary).status_code == 200
    refused = again.get(on_replica)
    assert refused.status_code == 503
    assert "Retry-After" in refused.headers
    assert "not responding" in problem_of(refused)["detail"]


def test_url_with_both_servers_falls_back_to_the_primary(
    start_app: Callable[..., TestClient],
    add_routes: Callable[[APIRouter], None],
    replica: tuple[str, Callable[[], None]],
    database_url: str,
    ada: Any,
) -> None:
    url, stop = replica
    server, _, name = url.rpartition("/")
    primary = make_url(database_url)
    both = f"{server},{primary.host}:{primary.port}/{name}?target_session_attrs=prefer-standby"
    add_routes(router)
    as_ada = sign_in(start_app(database={"read_url": both}), ada)
    note = as_ada.post("/api/v1/sample-notes", json={"title": "old"}).json()
    on_replica, on_primary = f"{ON_REPLICA}/{note['id']}", f"/api/v1/sample-notes/{note['id']}"
    wait_until(lambda: as_ada.get(on_replica).status_code == 200)
    execute(url, "SELECT pg_wal_replay_pause()")
    as_ada.patch(on_primary, json={"title": "new"})
    assert as_ada.get(on_replica).json()["title"] == "old"

    stop()

    wait_until(lambda: as_ada.get(on_replica).status_code == 200)
    assert as_ada.get(on_replica).json()["title"] == "new"
