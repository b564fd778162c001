"""Rows and files to back up, and what is there after a restore."""

import asyncio
import hashlib
from pathlib import Path

from sqlalchemy import text

from app.database.connection import open_database
from app.files.models import File, FileState, thumbnail_key
from app.files.store import FileStore
from app.settings.config import DatabaseSettings, FilesSettings
from tests.support import execute, unique_text


def add_file(database_url: str, uploads: Path, content: bytes, thumbnails: tuple[int, ...] = ()) -> str:
    """Store a file and its thumbnails, add its row, and return its key."""
    key = f"ab/{unique_text(30)}"

    async def add() -> None:
        store = FileStore(FilesSettings.model_validate({"url": f"file:{uploads}"}))
        await store.put(key, content, {})
        for size in thumbnails:
            await store.put(thumbnail_key(key, size), b"%d" % size, {})
        async with open_database(DatabaseSettings(url=database_url)) as database, database.sessions.begin() as session:
            digest = hashlib.sha256(content).hexdigest()
            values = {"name": "Grüße.txt", "media_type": "text/plain", "size": len(content), "sha256": digest}
            session.add(File(key=key, state=FileState.READY, thumbnails=list(thumbnails), **values))

    asyncio.run(add())
    return key


def add_row(database_url: str, name: str) -> None:
    """Add a row."""
    execute(database_url, f"INSERT INTO job_schedules (name, next_at) VALUES ('{name}', '2026-01-01')")  # noqa: S608


def rows(database_url: str) -> set[str]:
    """Return the names of those rows."""
    return set(_column(database_url, "SELECT name FROM job_schedules"))


def _column(database_url: str, query: str) -> list[str]:

    async def read() -> list[str]:
        async with open_database(DatabaseSettings(url=database_url)) as database, database.read_sessions() as session:
            return list(await session.scalars(text(query)))

    return asyncio.run(read())


def file_keys(database_url: str) -> set[str]:
    """Return the keys of the files with a row."""
    return set(_column(database_url, "SELECT key FROM files"))
