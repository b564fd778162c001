"""Helpers for imports."""

import csv
import io
from typing import Any

from httpx2 import Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.admin.browser import csrf_token
from tests.admin.factories import models
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database


def import_file(
    browser: TestClient,
    content: str | bytes,
    view: str = "sample-note",
    choices: dict[str, str] | None = None,
    /,
    **query: str,
) -> Response:
    """Import a file like the admin's dialog; `preview="1"` returns a preview only."""
    return browser.post(
        f"/admin/_api/{view}/import",
        params=query,
        data={"format": "csv", **(choices or {})},
        files={"file": ("notes.csv", content if isinstance(content, bytes) else content.encode(), "text/csv")},
        headers={"X-CSRFToken": csrf_token(browser)},
    )


def notes(client: TestClient) -> list[tuple[str, str, str]]:
    """Return the title, body and owner of every note, by title."""

    async def read(session: AsyncSession) -> list[tuple[str, str, str]]:
        query = select(SampleNote.title, SampleNote.body, User.email).join(SampleNote.owner).order_by(SampleNote.title)
        return [(*row,) for row in await session.execute(query)]

    return in_database(client, read)


def note_file(*rows: tuple[object, ...]) -> str:
    """Return a CSV file of notes with these titles, bodies and owners."""
    file = io.StringIO()
    csv.writer(file).writerows([("title", "body", "owner"), *rows])
    return file.getvalue()


def import_errors(response: Response) -> list[tuple[int, str | None, str]]:
    """Return the row, field and message of each error."""
    assert response.status_code == 200, response.text
    return [(error["row"], error["field"], error["message"]) for error in response.json()["errors"]]


def books(library: TestClient) -> list[Any]:
    """Return every book with its subjects and author, by title."""

    async def read(session: AsyncSession) -> list[Any]:
        book = models().Book
        query = select(book).options(selectinload(book.subjects), selectinload(book.author)).order_by(book.title)
        return list(await session.scalars(query))

    return in_database(library, read)
