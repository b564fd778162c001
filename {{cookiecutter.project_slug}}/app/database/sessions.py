"""Read-write and read-only ORM sessions; both raise if used after closing.

Both also execute the statements of `app/database/rows.py`: those of a read-write session are in its transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, AsyncSessionTransaction, async_session
from sqlalchemy.orm import Session, SessionTransaction

from app.database.commit_hooks import CommitHook, CommitHooks
from app.database.driver import Driver, DriverTransaction, Rows
from app.database.statements import CompiledStatement


class ClosedSessionError(RuntimeError):
    """A closed session was used."""


class ReadOnlySessionError(RuntimeError):
    """A read-only session was used to write."""


_CLOSED = (
    "This session is closed: a request's session ends when its response starts. In background tasks, streaming "
    "responses and WebSockets, open a new one: `async with database.sessions.begin() as session`."
)
_BEGUN = "a transaction is already begun on this session"
_CONCURRENT = "this session is already executing a statement: await one after the other"
_READ_ONLY = (
    "This session is read-only. In a GET route, use `WriteSessionDep` (app/api/dependencies.py) instead of "
    "`SessionDep`; elsewhere, open `async with database.sessions.begin() as session`."
)


class _WriteSession(Session):
    """A session that can't be used again after closing."""

    def get_bind(self, *mapper: Any, **arguments: Any) -> Engine | Connection:  # noqa: ANN401
        """Return the connection of the transaction that `rows` began, if any."""
        transaction = getattr(async_session(self), "transaction", None)
        return transaction.join() if transaction else super().get_bind(*mapper, **arguments)

    def _autobegin_t(self, begin: bool = False) -> SessionTransaction:  # noqa: FBT001, FBT002 - SQLAlchemy's
        """Replace SQLAlchemy's error for closed sessions with one that explains what to do."""
        try:
            return super()._autobegin_t(begin)
        except InvalidRequestError as error:
            if "permanently closed" in str(error):
                raise ClosedSessionError(_CLOSED) from error
            raise


class _ReadSession(_WriteSession):
    def get_bind(self, *mapper: Any, **arguments: Any) -> Engine | Connection:  # noqa: ANN401
        """Reject INSERT, UPDATE and DELETE."""
        if getattr(arguments.get("clause"), "is_dml", False):
            raise ReadOnlySessionError(_READ_ONLY)
        return super().get_bind(*mapper, **arguments)


@event.listens_for(_ReadSession, "before_flush")
def _reject_flush(session: Session, context: object, instances: object) -> None:  # noqa: ARG001
    if session.new or session.deleted or any(session.is_modified(row) for row in session.dirty):
        raise ReadOnlySessionError(_READ_ONLY)


class DriverSession(AsyncSession):
    """A session that can execute statements by the driver. It creates the ORM's session only when it is needed."""

    transaction: DriverTransaction | None = None
    is_closed = False

    def __init__(self, bind: AsyncEngine, *, info: Mapping[str, Any], **options: Any) -> None:  # noqa: ANN401
        # Not `super().__init__`, which takes as long as a short statement.
        self._options = {"bind": bind, "info": info, **options}
        self._driver: Driver | None = info["driver"]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Create the ORM's session; called only for missing attributes."""
        if name not in {"sync_session", "_proxied", "bind", "binds"}:
            raise AttributeError(name)
        super().__init__(**self._options)
        if self.is_closed:
            self.sync_session.close()
        return getattr(self, name)

    @property
    def services(self) -> Mapping[str, Any]:
        """What all sessions of the process share: `Database.services`."""
        services: Mapping[str, Any] = self._options["info"]
        return services

    @property
    def driver(self) -> Driver | None:
        """The driver, unless SQLAlchemy must execute the statement: because it has begun a transaction itself."""
        if self.is_closed:
            raise ClosedSessionError(_CLOSED)
        return None if self._uses_orm() else self._driver

    async def fetch(self, statement: CompiledStatement, values: Sequence[object]) -> Rows:
        """Execute a statement by the driver and return its rows."""
        raise NotImplementedError

    def add_hook(self, function: CommitHook) -> None:  # noqa: ARG002
        """Reject a function to call after the commit: a read-only session commits nothing."""
        raise ReadOnlySessionError(_READ_ONLY)

    async def close(self) -> None:
        """Close the session for good."""
        self.is_closed = True
        if self._uses_orm():
            await super().close()
        elif "sync_session" in self.__dict__:
            self.sync_session.close()  # without a greenlet, because it does no I/O

    def _uses_orm(self) -> bool:
        return "sync_session" in self.__dict__ and self.in_transaction()


class ReadSession(DriverSession):
    """A session without a transaction. It rejects writes, because an error could leave them half saved."""

    sync_session_class = _ReadSession

    async def fetch(self, statement: CompiledStatement, values: Sequence[object]) -> Rows:
        """Execute a statement on its own."""
        assert self._driver  # noqa: S101 - see `driver`
        return await self._driver.fetch(statement, values)

    async def commit(self) -> None:
        """Reject pending changes; there is no transaction to commit."""
        if self._uses_orm():
            self.sync_session.flush()


class WriteSession(DriverSession):
    """A session with a transaction, which begins with the first statement."""

    sync_session_class = _WriteSession
    hooks: CommitHooks | None = None
    """Functions of `app/database/after_commit.py`."""
    _begins = False

    def add_hook(self, function: CommitHook) -> None:
        """Add a function to call after the commit."""
        if self.is_closed:
            raise ClosedSessionError(_CLOSED)
        self.hooks = self.hooks or CommitHooks()
        self.hooks.add(function, _innermost(self.sync_session) if self._uses_orm() else None)

    def begin(self) -> AsyncSessionTransaction:
        """Begin a transaction of the ORM, unless one has begun."""
        if self.transaction is not None:
            raise InvalidRequestError(_BEGUN)
        return super().begin()

    async def fetch(self, statement: CompiledStatement, values: Sequence[object]) -> Rows:
        """Execute a statement in the transaction."""
        if self.transaction is None:
            assert self._driver  # noqa: S101 - see `driver`
            if self._begins:
                raise InvalidRequestError(_CONCURRENT)
            self._begins = True
            try:
                self.transaction = await self._driver.begin()
            finally:
                self._begins = False
        return await self.transaction.fetch(statement, values)

    async def commit(self) -> None:
        """Commit the transaction."""
        if self.is_closed:
            raise ClosedSessionError(_CLOSED)
        if self._uses_orm():
            await super().commit()
        await self._end(commit=True)
        if self.hooks:
            self.hooks.commit()

    async def rollback(self) -> None:
        """Roll the transaction back."""
        if self._uses_orm():
            await super().rollback()
        if self.hooks:
            self.hooks.roll_back()
        await self._end(commit=False)

    async def close(self) -> None:
        """Close the session for good; roll back what isn't committed. Then run the functions of `after_commit`."""
        try:
            await super().close()
        finally:
            await self._end(commit=False)
        # Not at the commit: a function that used the session would begin a transaction that nobody commits.
        hooks, self.hooks = self.hooks, None
        if hooks:
            await hooks.run()

    async def _end(self, *, commit: bool) -> None:
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            await transaction.end(commit=commit)


def _innermost(session: Session) -> SessionTransaction | None:
    return session.get_nested_transaction() or session.get_transaction()
