"""Dependency for the file store."""

from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from app.files.store import FileStore


async def get_file_store(connection: HTTPConnection) -> FileStore:
    """Return the file store of this process."""
    store: FileStore = connection.scope["state"]["files"]
    return store


FileStoreDep = Annotated[FileStore, Depends(get_file_store)]
