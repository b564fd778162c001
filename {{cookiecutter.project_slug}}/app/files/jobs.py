"""Jobs of files: thumbnails, and deleting what is no longer used."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Table, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.base import Base, utc_now
from app.files.direct_uploads import STAGED_KEY
from app.files.images import make_thumbnail
from app.files.models import File, FileState, thumbnail_key
from app.files.store import FileMissing
from app.jobs.definitions import job
from app.jobs.errors import JobFailed
from app.jobs.run import JobRun

GRACE = timedelta(days=1)
"""How long bytes may be without a row, and a row without a reference: a request, or a form that is still open."""
BATCH_SIZE = 500
_KEY = re.compile(r"([0-9a-f]{2}/[0-9a-f]{30})(-\d+)?")
_NO_SYNC: dict[str, Any] = {"synchronize_session": False}


@job()
async def make_thumbnails(run: JobRun, file_id: UUID, sizes: list[int]) -> None:
    """Make the thumbnails of an image that are smaller than it."""
    async with run.database.read_sessions() as session:
        file = await session.get(File, file_id)
    if file is None or file.state is FileState.DISCARDED:
        return
    sizes = [size for size in sizes if size < max(file.width or 0, file.height or 0)]
    try:
        data = await run.state.files.read(file.key)
    except FileMissing as error:
        raise JobFailed("The store doesn't have the file.") from error
    for size in sizes:
        thumbnail = await make_thumbnail(data, size)
        await run.state.files.put(thumbnail_key(file.key, size), thumbnail.data, {"Content-Type": "image/webp"})
    async with run.transaction() as session:
        made = update(File).where(File.id == file_id).values(thumbnails=sizes)
        await session.execute(made, execution_options=_NO_SYNC)
        await run.finish(session)


@job()
async def delete_file(run: JobRun, file_id: UUID) -> None:
    """Delete a discarded file: its bytes, then its row."""
    async with run.database.read_sessions() as session:
        file = await session.get(File, file_id)
    if file is None or file.state is not FileState.DISCARDED:
        return
    await run.state.files.delete([file.key, *(thumbnail_key(file.key, size) for size in file.thumbnails)])
    async with run.transaction() as session:
        await session.execute(delete(File).where(File.id == file_id), execution_options=_NO_SYNC)
        await run.finish(session)


@job(schedule=timedelta(hours=1))
async def delete_unused(run: JobRun) -> int:
    """Discard files that nothing refers to, such as those of a deleted account, and return their number."""
    async with run.transaction() as session:
        return len(await discard_unused(session, Base.metadata.tables.values()))


@job(schedule="40 3 * * *", timeout=timedelta(hours=2))
async def delete_orphans(run: JobRun) -> int:
    """Delete bytes without a row, such as those of rolled back requests, and return the number of files.

    Only keys of our form are deleted. Each deployment needs a bucket or a prefix of its own.
    """
    total, before = 0, utc_now() - GRACE
    async for batch in run.state.files.list():
        old = [entry.key for entry in batch if entry.modified_at < before]
        found = {key: match[1] for key in old if (match := _KEY.fullmatch(key))}
        async with run.database.read_sessions() as session:
            known = set(await session.scalars(select(File.key).where(File.key.in_(found.values()))))
        orphans = [key for key, original in found.items() if original not in known]
        orphans += [key for key in old if STAGED_KEY.fullmatch(key)]
        await run.state.files.delete(orphans)
        total += len(orphans)
    return total


async def discard_unused(session: AsyncSession, tables: Iterable[Table]) -> list[UUID]:
    """Discard files that no row of these tables refers to, if they are a day old or their owner is deleted."""
    references = [
        column
        for table in tables
        for column in table.columns
        for key in column.foreign_keys
        if key.column.table is File.__table__
    ]
    if not references:
        return []  # files may be referred to in another way
    is_old = or_(File.owner_id.is_(None), File.created_at < utc_now() - GRACE)
    unused = [~exists().where(column == File.id) for column in references]
    found = select(File.id).where(File.state == FileState.READY, is_old, *unused).limit(BATCH_SIZE)
    ids = list(await session.scalars(found))
    for file_id in ids:
        await discard_file(session, file_id)
    return ids


async def discard_file(session: AsyncSession, file_id: UUID | None) -> None:
    """Delete a file, by a job once the transaction is committed. Clear or delete what refers to it first."""
    if file_id is not None:
        discarded = update(File).where(File.id == file_id).values(state=FileState.DISCARDED)
        await session.execute(discarded, execution_options=_NO_SYNC)
        await delete_file.enqueue(session, file_id)
