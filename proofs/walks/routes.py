"""API routes that enqueue jobs, and fail afterwards on request."""

import os

from app.api.dependencies import SessionDep
from app.api.schemas import Schema
from app.errors import Conflict
from app.features.walks.jobs import fall, leap, walk
from fastapi import APIRouter
from sqlalchemy import text

router = APIRouter(prefix="/walks", tags=["walks"])
WALK = text("INSERT INTO walks (label) VALUES (:label)")
SABOTAGE = os.environ.get("PROOF_SABOTAGE")
"""Fault to build in, to show that the proof finds it."""


class WalkRejected(Conflict):
    """The request fails after it has enqueued its jobs."""

    title = "Rejected"


class WalkCreate(Schema):
    """A row and two jobs."""

    label: str
    steps: int
    seconds: float
    fails: bool = False


@router.post("", status_code=204)
async def create_walk(session: SessionDep, data: WalkCreate) -> None:
    """Write a row, and enqueue two jobs."""
    await session.execute(WALK, {"label": data.label})
    await walk.set(label=data.label).enqueue(session, data.label, data.steps, data.seconds)
    await leap.set(label=data.label).enqueue(session, data.label)
    if SABOTAGE == "early":
        await session.commit()
    if data.fails:
        raise WalkRejected


@router.post("/fall", status_code=204)
async def create_fall(session: SessionDep) -> None:
    """Enqueue a job that kills its worker."""
    await fall.enqueue(session)
