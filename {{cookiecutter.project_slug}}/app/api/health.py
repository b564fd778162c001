"""Liveness and readiness probes."""

import logging
from functools import cache
from typing import Literal

import anyio
from fastapi import APIRouter, Request
from pydantic import BaseModel
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


class Live(BaseModel):
    """The process is running."""

    status: Literal["live"]


class Ready(BaseModel):
    """Requests can be served."""

    status: Literal["ready"]


class NotReady(Unavailable):
    """The database is unreachable, or its schema doesn't match this release."""

    title = "Not ready"


@router.get("/live")
async def check_live() -> Live:
    """Tell whether the process is running. A liveness probe: always 200."""
    return Live(status="live")


@router.get("/ready", responses=openapi_responses(NotReady))
async def check_ready(request: Request, database: DatabaseDep) -> Ready:
    """Tell whether requests can be served.

    A readiness probe: 200 if the database responds and its schema is compatible with this release, else 503. A newer
    schema is compatible unless one of its migrations is marked `incompatible`.
    """
    try:
        with anyio.fail_after(DATABASE_TIMEOUT_SECONDS):
            async with database.read_sessions() as session:
                await _check_revisions(session, request.state.revisions)
    except OUTAGES as error:
        raise NotReady(outage_reason(error)) from error
    except TimeoutError as error:
        raise NotReady("The database is not responding.") from error
    except DBAPIError as error:
        raise NotReady("The schema revision can't be read; see the log.") from error
    return Ready(status="ready")


async def _check_revisions(session: AsyncSession, code: revisions.CodeRevisions) -> None:
    """Compare the revisions of the database with those of the code.

    Raises:
        NotReady: a migration is pending, or the database has a newer one that is marked as incompatible.
    """
    applied = await revisions.applied(session)
    if code.is_ahead_of(applied):
        raise NotReady("Migrations are pending: run `app db upgrade`.")
    if newer := applied - code.known:
        if await revisions.incompatible(session) - code.known:
            raise NotReady("The schema belongs to a newer, incompatible release: deploy that release.")
        _warn_once(newer)


@cache
def _warn_once(newer: frozenset[str]) -> None:
    logger.warning("the schema is newer than this release: database is at %s", ", ".join(sorted(newer)))
