"""Read-write and read-only ORM sessions; both raise if used after closing."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction


class ClosedSessionError(RuntimeError):
    """A closed session was used."""


class ReadOnlySessionError(RuntimeError):
    """A read-only session was used to write."""


_CLOSED = (
    "This session is closed: a request's session ends when its response starts. In background tasks, streaming "
    "responses and WebSockets, open a new one: `async with database.sessions.begin() as session`."
)
_READ_ONLY = (
    "This session is read-only. In a GET route, use `WriteSessionDep` (app/api/dependencies.py) instead of "
    "`SessionDep`; elsewhere, open `async with database.sessions.begin() as session`."
)


class WriteSession(Session):
    """A session that can't be used again after closing."""

    def _autobegin_t(self, begin: bool = False) -> SessionTransaction:  # noqa: FBT001, FBT002 - SQLAlchemy's
        """Replace SQLAlchemy's error for closed sessions with one that explains what to do."""
        try:
            return super()._autobegin_t(begin)
        except InvalidRequestError as error:
            if "permanently closed" in str(error):
                raise ClosedSessionError(_CLOSED) from error
            raise


class _ReadSession(WriteSession):
    def get_bind(self, *mapper: Any, **arguments: Any) -> Engine | Connection:  # noqa: ANN401
        """Reject INSERT, UPDATE and DELETE."""
        if getattr(arguments.get("clause"), "is_dml", False):
            raise ReadOnlySessionError(_READ_ONLY)
        return super().get_bind(*mapper, **arguments)


@event.listens_for(_ReadSession, "before_flush")
def _reject_flush(session: Session, context: object, instances: object) -> None:  # noqa: ARG001
    if session.new or session.deleted or any(session.is_modified(row) for row in session.dirty):
        raise ReadOnlySessionError(_READ_ONLY)


class ReadSession(AsyncSession):
    """A session without a transaction. It rejects writes, because an error could leave them half saved."""

    sync_session_class = _ReadSession

    async def commit(self) -> None:
        """Reject pending changes; there is no transaction to commit."""
        self.sync_session.flush()
