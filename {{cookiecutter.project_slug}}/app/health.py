"""Whether the process lives, and whether it can serve: for load balancers, containers and people."""

import logging

import anyio
from fastapi import APIRouter, Request
from sqlalchemy.exc import SQLAlchemyError

from app import revisions
from app.errors import Unavailable, documented
from app.http import DatabaseDep

router = APIRouter(prefix="/health", tags=["health"])
logger = logging.getLogger(__name__)

DATABASE_TIMEOUT_SECONDS = 3


class NotReady(Unavailable):
    """The database is away, or its schema is not the one that this code needs."""

    title = "Not ready"


@router.get("/live")
async def check_live() -> dict[str, str]:
    """Answer 200 as long as the process runs."""
    return {"status": "live"}


@router.get("/ready", responses=documented(NotReady))
async def check_ready(request: Request, database: DatabaseDep) -> dict[str, str]:
    """Answer 200 when the database answers and is at the newest migration, else 503."""
    try:
        with anyio.fail_after(DATABASE_TIMEOUT_SECONDS):
            async with database.reads() as session:
                found = await revisions.applied(session)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        logger.warning("not ready: the database does not answer: %s", type(error).__name__)
        raise NotReady("The database does not answer.") from error
    if found != request.state.schema_heads:
        raise NotReady("The schema is not at the newest migration: run `app db upgrade`.")
    return {"status": "ready"}
