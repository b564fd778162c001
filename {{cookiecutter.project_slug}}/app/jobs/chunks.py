"""The content of a file that a job reads or writes, in chunks of the database: all machines have it.

It is for files that are small or don't stay, such as an export. It is deleted with the job.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.base import utc_now
from app.database.connection import Database
from app.jobs.models import Job, JobChunk

CHUNK_BYTES = 256 * 1024
"""Size of the largest chunk."""


async def append_chunks(session: AsyncSession, job_id: UUID, content: bytes, first: int = 0) -> int:
    """Add content to a job's, which has `first` chunks, and return the number of chunks."""
    parts = [content[start : start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES)]
    session.add_all(JobChunk(job_id=job_id, number=first + index, content=part) for index, part in enumerate(parts))
    await session.flush()
    return first + len(parts)


async def read_chunks(database: Database, job_id: UUID) -> AsyncIterator[bytes]:
    """Yield the chunks of a job. No connection is held in between."""
    number = 0
    while True:
        async with database.read_sessions() as session:
            query = select(JobChunk.content).where(JobChunk.job_id == job_id, JobChunk.number == number)
            content = await session.scalar(query)
        if content is None:
            return
        yield content
        number += 1


async def count_chunks(database: Database, job_id: UUID) -> int:
    """Return the number of chunks of a job."""
    async with database.read_sessions() as session:
        return await session.scalar(select(func.count()).where(JobChunk.job_id == job_id)) or 0


async def content_size(session: AsyncSession, job_id: UUID) -> int:
    """Return the size of a job's content in bytes: 0 if it has none, or no more."""
    query = select(func.sum(func.length(JobChunk.content))).where(JobChunk.job_id == job_id)
    return await session.scalar(query) or 0


async def delete_chunks(session: AsyncSession, job_id: UUID) -> None:
    """Delete the content of a job."""
    await session.execute(delete(JobChunk).where(JobChunk.job_id == job_id))


async def delete_old_chunks(session: AsyncSession, age: timedelta) -> None:
    """Delete the content of jobs that ended longer ago."""
    ended = select(Job.id).where(Job.ended_at < utc_now() - age)
    await session.execute(delete(JobChunk).where(JobChunk.job_id.in_(ended)))
