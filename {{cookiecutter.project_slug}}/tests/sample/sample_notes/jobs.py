"""Jobs of the sample feature."""

from uuid import UUID

from sqlalchemy import update

from app.jobs.definitions import job
from app.jobs.run import JobRun
from tests.sample.sample_notes.models import SampleNote


@job(queue="titles")
async def rename(run: JobRun, note_id: UUID, title: str) -> None:
    """Rename a note."""
    async with run.transaction() as session:
        await session.execute(update(SampleNote).where(SampleNote.id == note_id).values(title=title))
        await run.finish(session)
