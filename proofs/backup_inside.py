"""Run by backup.py with a project's packages: creates databases, and prints what is in one."""

import asyncio
import hashlib
import json
import sys
from typing import Any

import asyncpg
from app.database.connection import open_database
from app.files.store import FileMissing, FileStore
from app.settings.config import (
    DatabaseSettings,
    FilesSettings,
)
from sqlalchemy import text


async def create(url: str, name: str) -> None:
    """Create an empty database."""
    connection = await asyncpg.connect(url)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()


async def contents(url: str, files_url: str) -> None:
    """Print the rows, and which files are not whole."""
    store = FileStore(FilesSettings(url=files_url))
    async with (
        open_database(DatabaseSettings(url=url)) as database,
        database.read_sessions() as session,
    ):
        items: dict[str, int] = dict(
            tuple(row) for row in await session.execute(text("SELECT title, count FROM items"))
        )
        files: list[Any] = list(
            await session.execute(text("SELECT key, sha256 FROM files WHERE state = 'ready'"))
        )
    faults = []
    for key, digest in files:
        try:
            content = await store.read(key)
        except FileMissing:
            continue  # deleted after the moment of the backup, before it was read
        if hashlib.sha256(content).hexdigest() != digest:
            faults.append(f"{key} isn't whole")
    print(json.dumps({"items": items, "faults": faults}))


if __name__ == "__main__":
    asyncio.run({"create": create, "contents": contents}[sys.argv[1]](*sys.argv[2:]))
