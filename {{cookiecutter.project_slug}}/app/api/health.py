"""Whether the process lives, and whether it can serve: for load balancers, containers and people."""

import logging
from functools import cache

import anyio
from fastapi import APIRouter, Request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies import DatabaseDep
from app.api.error_handlers import openapi_responses
from app.database import revisions
from app.database.outages import OUTAGES, outage_reason
from app.errors import Unavailable

router = APIRouter(prefix="/health", tags=["health"])
logger = logging.getLogger(__name__)

DATABASE_TIMEOUT_SECONDS = 3


class NotReady(Unavailable):
    """The database cannot answer, or this code cannot run on its schema."""

    title = "Not ready"


@router.get("/live")
async def check_live() -> dict[str, str]:
    """Answer 200 as long as the process runs."""
    return {"status": "live"}


@router.get("/ready", responses=openapi_responses(NotReady))
async def check_ready(request: Request, database: DatabaseDep) -> dict[str, str]:
    """Answer 200 when the database answers and this code can run on its schema, else 503.

    A newer schema is ready, unless a migration says that older code cannot run on it.
    """
    try:
        with anyio.fail_after(DATABASE_TIMEOUT_SECONDS):
            async with database.reads() as session:
                await _check_schema(session, request.state.schema)
    except OUTAGES as error:
        raise NotReady(outage_reason(error)) from error
    except TimeoutError as error:
        raise NotReady("The database does not answer.") from error
    except DBAPIError as error:
        raise NotReady("The database refuses to show its revision: the log says why.") from error
    return {"status": "ready"}


async def _check_schema(session: AsyncSession, schema: revisions.CodeRevisions) -> None:
    """Compare the revisions of the database with those of the code.

    Raises:
        NotReady: when a migration of the code is missing, or a newer one is marked as incompatible.
    """
    applied = await revisions.applied(session)
    if schema.is_ahead_of(applied):
        raise NotReady("The schema lacks a migration of this code: run `app db upgrade`.")
    if newer := applied - schema.known:
        if await revisions.incompatible(session) - schema.known:
            raise NotReady("The schema is too new for this code: deploy the release that it was made for.")
        _warn_once(newer)


@cache
def _warn_once(newer: frozenset[str]) -> None:
    logger.warning("the schema is newer than this code: the database is at %s", ", ".join(sorted(newer)))
