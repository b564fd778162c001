"""Routes and jobs with bugs."""

from fastapi import APIRouter
from sqlalchemy import text

from app.api.dependencies import SessionDep
from app.api.schemas import Schema
from app.jobs.definitions import job
from app.jobs.errors import JobFailed
from app.jobs.run import JobRun

router = APIRouter(prefix="/failing", include_in_schema=False)


class Body(Schema):
    """What a client sends."""

    email: str
    password: str


@job(max_attempts=1)
async def refuse(run: JobRun) -> None:
    """Fail as expected."""
    raise JobFailed(f"as expected in {run.id}")


@job(max_attempts=1)
async def explode(run: JobRun, address: str) -> None:
    """Fail with an address in the message."""
    raise RuntimeError(f"the bug of a job, for {address} in {run.id}")


@router.post("/jobs")
async def enqueue(session: SessionDep, data: Body) -> None:
    """Enqueue jobs that fail."""
    await refuse.enqueue(session)
    await explode.enqueue(session, data.email)


@router.post("/{token}")
async def fail(session: SessionDep, token: str, data: Body, code: str) -> None:
    """Fail after a statement."""
    await session.execute(text("SELECT 1 WHERE :value = 'nothing'"), {"value": token + code + data.password})
    raise RuntimeError("the bug of a route")
