"""`app shell`: run Python on the database, at a prompt or as a script; `await` works at the top level."""

import ast
import asyncio
import code
import sys
import traceback
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from inspect import CO_COROUTINE
from types import CodeType, FunctionType
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, event, func, select
from sqlalchemy.orm import Session, SessionTransaction

from app import features
from app.accounts.scope import load_scope, system_scope
from app.accounts.users import get_user_by_email
from app.commands.invocation import say
from app.database.base import Base
from app.database.connection import build_database
from app.database.sessions import WriteSession
from app.settings.config import load_settings

_COMMIT = "Only `await session.commit()` saves changes."


def add_to(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command("shell")(run_shell)


def run_shell(
    *,
    email: Annotated[
        str | None, typer.Option("--as", help="Email address of the user that `scope` is for [default: system_scope()]")
    ] = None,
    command: Annotated[str | None, typer.Option("--command", "-c", help="Run this code and exit")] = None,
) -> None:
    """Run Python with a session, a scope and all models: at a prompt, from -c or from standard input.

    `await` works at the top level. Only `await session.commit()` saves changes.
    """
    settings = load_settings()
    features.load_models()
    features.load_permissions()
    database = build_database(settings.database)
    session = database.sessions(info={"driver": None})  # so that SQLAlchemy's events see all statements
    names: dict[str, Any] = {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}
    names |= {"__name__": "__console__", "func": func, "load_scope": load_scope, "select": select}
    names |= {"database": database, "session": session, "settings": settings, "system_scope": system_scope}
    _record_writes(session.sync_session)

    async def close() -> None:
        if _has_changes(session):
            say(f"Your changes were rolled back. {_COMMIT}", error=True)
        await session.close()
        await database.engine.dispose()

    with asyncio.Runner() as runner:
        try:
            runner.run(_add_scope(names, session, email))
            if command is None and sys.stdin.isatty():
                say(f"{settings.project_name} ({settings.environment}): session, scope, database, models. {_COMMIT}")
                _prompt(names, session, runner)
            else:
                text = sys.stdin.read() if command is None else command
                runner.run(_execute(compile(text, "<script>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names))
        finally:
            runner.run(close())


async def _add_scope(names: dict[str, Any], session: WriteSession, email: str | None) -> None:
    """Add the scope; fail at once if the database is unavailable."""
    await session.execute(select(1))
    names["scope"] = await load_scope(session, await get_user_by_email(session, email)) if email else system_scope()
    await _end_reads(session)


async def _execute(compiled: CodeType, names: dict[str, Any]) -> None:
    result = FunctionType(compiled, names)()
    if compiled.co_flags & CO_COROUTINE:
        await result


def _prompt(names: dict[str, Any], session: WriteSession, runner: asyncio.Runner) -> None:
    """Start IPython if it is installed, otherwise Python's own prompt."""
    if find_spec("IPython"):
        app = import_module("IPython.terminal.ipapp").TerminalIPythonApp.instance(user_ns=names)
        app.initialize([])
        app.shell.loop_runner = runner.run
        app.shell.events.register("post_run_cell", lambda _: runner.run(_end_reads(session)))
        app.start()
        return
    with suppress(ImportError):
        import_module("readline")  # history and editing
    Prompt(names, session, runner).interact(banner="", exitmsg="")


class Prompt(code.InteractiveConsole):
    """Python's own prompt, with `await`."""

    def __init__(self, names: dict[str, Any], session: WriteSession, runner: asyncio.Runner) -> None:
        super().__init__(names)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self.execute, self.end_reads = partial(_execute, names=names), partial(_end_reads, session)
        self.runner = runner

    def runcode(self, code: CodeType) -> None:
        """Run one input in the event loop; print the traceback of an error, from the input on."""
        try:
            self.runner.run(self.execute(code))
        except SystemExit:
            raise
        except BaseException as error:  # noqa: BLE001 - also Ctrl-C
            frames = error.__traceback__
            while frames and frames.tb_frame.f_code.co_filename != self.filename:
                frames = frames.tb_next
            traceback.print_exception(error.with_traceback(frames))
        self.runner.run(self.end_reads())


def _record_writes(session: Session) -> None:
    """Record in `session.info` whether a transaction has executed anything but SELECT."""

    def check(_: Connection, cursor: object, statement: str, *_more: object) -> None:  # noqa: ARG001 - SQLAlchemy's
        session.info["has_written"] |= not statement.lstrip().upper().startswith("SELECT")

    @event.listens_for(session, "after_begin")
    def begin(_: Session, transaction: SessionTransaction, connection: Connection) -> None:
        if transaction.parent is None:
            session.info["has_written"] = False
        event.listen(connection, "before_cursor_execute", check)


def _has_changes(session: WriteSession) -> bool:
    has_written = session.in_transaction() and session.info.get("has_written")
    return bool(has_written or session.new or session.dirty or session.deleted)


async def _end_reads(session: WriteSession) -> None:
    """End a transaction that only read, so that an open prompt blocks neither writers (SQLite) nor migrations."""
    if session.in_transaction() and not _has_changes(session):
        await session.commit()  # a rollback would expire the loaded rows
