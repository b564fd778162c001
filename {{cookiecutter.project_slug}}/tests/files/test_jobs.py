"""Jobs make thumbnails, and delete what is no longer used."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from sqlalchemy import ForeignKey, MetaData, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from starlette.testclient import TestClient

from app.accounts.models import User
from app.database.base import NAMING_CONVENTION, Record, utc_now
from app.files import jobs
from app.files.models import File
from tests.files.helpers import PDF, image_bytes, stored_keys
from tests.jobs.helpers import all_jobs, run_jobs
from tests.support import in_database, tables_of

FILES = "/api/v1/test-files"


class Sheet(Record):
    """A model that refers to a file; migrations don't create its table."""

    __tablename__ = "sheets"
    metadata = MetaData(naming_convention=NAMING_CONVENTION)

    file_id: Mapped[UUID] = mapped_column(ForeignKey(File.id, ondelete="RESTRICT"))


@pytest.fixture
def sheets(client: TestClient) -> Iterator[None]:
    with tables_of(client, Sheet.metadata):
        yield


def upload(client: TestClient, content: bytes = PDF, kind: str = "documents") -> str:
    """Upload a file and return its ID."""
    response = client.put(f"{FILES}/{kind}", content=content)
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def files(client: TestClient) -> set[str]:
    """Return the IDs of all files."""
    found = in_database(client, lambda session: session.scalars(select(File.id)))
    return {str(file_id) for file_id in found}


def run(client: TestClient, enqueue: Callable[[AsyncSession], Any]) -> Any:
    """Run a job and return its result."""
    in_database(client, enqueue)
    run_jobs(client)
    return all_jobs(client)[-1].result


def discard_unused(client: TestClient) -> None:
    """Discard and delete the files without a reference."""
    in_database(client, lambda session: jobs.discard_unused(session, Sheet.metadata.tables.values()))
    run_jobs(client)


def test_thumbnails_are_made_after_the_upload(as_ada: TestClient) -> None:
    url = f"{FILES}/{upload(as_ada, image_bytes('JPEG', 200, 150), 'pictures')}"
    original = as_ada.get(f"{url}?size=50").content

    run_jobs(as_ada)

    assert as_ada.get(f"{url}?size=101").content == original
    for wanted, size in ((1, (32, 24)), (32, (32, 24)), (33, (100, 75)), (100, (100, 75))):
        response = as_ada.get(f"{url}?size={wanted}")
        assert response.headers["Content-Type"] == "image/webp"
        assert Image.open(BytesIO(response.content)).size == size
        again = as_ada.get(f"{url}?size={wanted}", headers={"If-None-Match": response.headers["ETag"]})
        assert again.status_code == 304


def test_small_image_has_no_larger_thumbnail(as_ada: TestClient) -> None:
    upload(as_ada, image_bytes("PNG", 40, 30), "pictures")
    before = stored_keys(as_ada)

    run_jobs(as_ada)

    assert len(stored_keys(as_ada) - before) == 1


def test_discarded_file_is_deleted_with_its_thumbnails(as_ada: TestClient) -> None:
    before = stored_keys(as_ada)
    file_id = upload(as_ada, image_bytes("PNG", 200, 150), "pictures")
    run_jobs(as_ada)
    assert len(stored_keys(as_ada) - before) == 3

    as_ada.delete(f"{FILES}/{file_id}")
    run_jobs(as_ada)

    assert stored_keys(as_ada) == before
    assert files(as_ada) == set()


def test_nothing_is_deleted_if_the_request_fails(as_ada: TestClient) -> None:
    file_id = upload(as_ada)

    assert as_ada.delete(f"{FILES}/{file_id}?fails=true").status_code == 500
    run_jobs(as_ada)

    assert as_ada.get(f"{FILES}/{file_id}").content == PDF


@pytest.mark.usefixtures("sheets")
def test_file_without_reference_is_deleted_after_a_day(as_ada: TestClient) -> None:
    used, new, old = (upload(as_ada) for _ in range(3))

    async def age(session: AsyncSession) -> None:
        session.add(Sheet(file_id=UUID(used)))
        aged = update(File).where(File.id.in_([UUID(used), UUID(old)]))
        await session.execute(aged.values(created_at=utc_now() - timedelta(hours=25)))

    in_database(as_ada, age)
    discard_unused(as_ada)

    assert files(as_ada) == {used, new}


@pytest.mark.usefixtures("sheets")
def test_file_without_reference_is_deleted_with_its_owner(as_ada: TestClient) -> None:
    before = stored_keys(as_ada)
    shared, own = upload(as_ada), upload(as_ada)
    in_database(as_ada, lambda session: _add(session, Sheet(file_id=UUID(shared))))
    assert {file["id"] for file in as_ada.get("/api/v1/users/me/export").json()["files"]} == {shared, own}

    assert as_ada.delete("/api/v1/users/me").status_code == 204
    discard_unused(as_ada)

    assert files(as_ada) == {shared}
    assert len(stored_keys(as_ada) - before) == 1


async def _add(session: AsyncSession, row: Sheet) -> None:
    session.add(row)


def test_nothing_is_discarded_if_no_table_refers_to_files(as_ada: TestClient) -> None:
    file_id = upload(as_ada)
    in_database(as_ada, lambda session: session.execute(update(File).values(owner_id=None)))

    in_database(as_ada, lambda session: jobs.discard_unused(session, [User.metadata.tables["users"]]))
    run_jobs(as_ada)

    assert files(as_ada) == {file_id}


def test_bytes_without_row_are_deleted_after_a_day(as_ada: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = upload(as_ada, image_bytes("PNG", 200, 150), "pictures")
    run_jobs(as_ada)
    kept = stored_keys(as_ada)
    store, orphan = as_ada.app_state["files"], f"ab/{30 * 'c'}"
    foreign = {"backup.tar", f"ab/{30 * 'c'}.txt"}
    assert as_ada.portal is not None
    for key in (orphan, f"{orphan}-32", *foreign):
        as_ada.portal.call(store.put, key, b"x", {})

    run(as_ada, jobs.delete_orphans.enqueue)
    assert stored_keys(as_ada) == kept | foreign | {orphan, f"{orphan}-32"}

    monkeypatch.setattr(jobs, "GRACE", timedelta(days=-1))
    assert run(as_ada, jobs.delete_orphans.enqueue) >= 2

    left = stored_keys(as_ada)
    assert left >= foreign
    assert not left & {orphan, f"{orphan}-32"}
    assert as_ada.get(f"{FILES}/{file_id}?size=32").status_code == 200
    as_ada.portal.call(store.delete, [*foreign])
