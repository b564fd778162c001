"""Factories of rows for the features that only tests have: see `tests/admin/features`."""

from importlib import import_module
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.accounts.models import User
from tests.sample.sample_notes.models import SampleNote
from tests.support import in_database


def models() -> Any:
    """Return the module with the models. It can be imported once an app has the feature."""
    return import_module("app.features.library.models")


def add_row(library: TestClient, row: Any) -> Any:
    """Insert a row."""

    async def work(session: AsyncSession) -> Any:
        session.add(row)
        return row

    return in_database(library, work)


def add_author(library: TestClient, name: str) -> Any:
    """Insert an author."""
    return add_row(library, models().Author(name=name, label=name))


def add_book(library: TestClient, title: str, **more: Any) -> Any:
    """Insert a book, with a new author unless one is given."""
    author = more.pop("author_id", None) or add_author(library, f"Author of {title}").id
    return add_row(
        library, models().Book(**{"title": title, "isbn": title, "genre": "novel", "author_id": author, **more})
    )


def add_subjects(library: TestClient, book: Any, *codes: str) -> list[Any]:
    """Insert subjects of a book."""
    subjects = [add_row(library, models().Subject(code=code)) for code in codes]
    rows = [{"book_id": book.id, "subject_id": subject.id} for subject in subjects]
    in_database(library, lambda session: session.execute(models().books_subjects.insert(), rows))
    return subjects


def add_note(client: TestClient, owner: User, title: str = "Milk", **values: Any) -> SampleNote:
    """Insert a note."""
    note: SampleNote = add_row(client, SampleNote(title=title, body="Two bottles", owner_id=owner.id, **values))
    return note
