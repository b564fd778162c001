"""Functions called after the commit of a session."""

from typing import cast

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession, async_session
from sqlalchemy.orm import Session, SessionTransaction

from app.database.commit_hooks import CommitHook
from app.database.sessions import DriverSession, WriteSession


def after_commit(session: AsyncSession, function: CommitHook) -> None:
    """Call an async function without arguments once the session's transaction is committed and the session is closed.

    It isn't called after a rollback, also of the savepoint it was added in. An error in it is logged and changes
    nothing else: a request has been saved and gets its response, which is sent after the function returns. It runs in
    this process only, so it is lost if the process stops: what must happen belongs in the transaction, such as an
    email. It can't use the session, so open another one.

    Raises:
        ReadOnlySessionError: the session is read-only, as in a GET route.
        ClosedSessionError: the session is closed.
    """
    cast(DriverSession, session).add_hook(function)


@event.listens_for(WriteSession.sync_session_class, "after_commit")
def _keep_hooks(session: Session) -> None:
    owner = async_session(session)
    if isinstance(owner, WriteSession) and owner.hooks and not owner.transaction and not owner.in_nested_transaction():
        owner.hooks.commit()


@event.listens_for(WriteSession.sync_session_class, "after_soft_rollback")
def _drop_hooks(session: Session, transaction: SessionTransaction) -> None:
    owner = async_session(session)
    if isinstance(owner, WriteSession) and owner.hooks:
        owner.hooks.roll_back(transaction)
