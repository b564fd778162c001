"""The sessions of the database: one that writes and one that only reads. Neither is used again once it is closed."""

from typing import Any

from sqlalchemy import ClauseElement, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction


class ClosedSession(RuntimeError):
    """A session was used after its request, or after its `async with` block."""

    def __init__(self) -> None:
        super().__init__(
            "This session is closed: the session of a request ends when its response starts. In a background task, a "
            "streamed body or a WebSocket open another: `async with database.sessions.begin() as session`."
        )


class ReadOnlySession(RuntimeError):
    """A session that only reads was asked to write."""

    def __init__(self) -> None:
        super().__init__(
            "This session only reads. In a GET or HEAD route take `WriteSessionDep` (app/http.py) in place of "
            "`SessionDep`; elsewhere open `async with database.sessions.begin() as session`."
        )


class _Session(Session):
    def _autobegin_t(self, begin: bool = False) -> SessionTransaction:  # noqa: FBT001, FBT002 - SQLAlchemy's
        """Say what to do when the session was closed; SQLAlchemy says only that it was."""
        try:
            return super()._autobegin_t(begin)
        except InvalidRequestError as error:
            if "permanently closed" in str(error):
                raise ClosedSession from error
            raise


class _ReadSession(_Session):
    def get_bind(
        self,
        mapper: Any = None,  # noqa: ANN401
        *,
        clause: ClauseElement | None = None,
        **arguments: Any,  # noqa: ANN401
    ) -> Engine | Connection:
        """Refuse INSERT, UPDATE and DELETE.

        https://docs.sqlalchemy.org/en/21/orm/persistence_techniques.html#custom-vertical-partitioning
        """
        if clause is not None and clause.is_dml:
            raise ReadOnlySession
        return super().get_bind(mapper, clause=clause, **arguments)


@event.listens_for(_ReadSession, "before_flush")
def _refuse_flush(session: Session, context: object, instances: object) -> None:  # noqa: ARG001
    if session.new or session.deleted or any(session.is_modified(row) for row in session.dirty):
        raise ReadOnlySession


class WriteSession(AsyncSession):
    """A session with a transaction."""

    sync_session_class = _Session


class ReadSession(AsyncSession):
    """A session without a transaction; it refuses to write, for an error would leave half of it saved."""

    sync_session_class = _ReadSession

    async def commit(self) -> None:
        """Refuse changes that were not flushed; there is nothing else to do."""
        self.sync_session.flush()
