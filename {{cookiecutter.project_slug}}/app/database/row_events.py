"""Calls a function for each row of a model that a session inserts, updates or deletes.

The ORM's flush and `rows.py` call it in the transaction, after the statement. Statements such as `update(Note)` and the
database's cascades call nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import event, inspect
from sqlalchemy.ext.asyncio import AsyncSession, async_session
from sqlalchemy.orm import Session

from app.database.sessions import WriteSession

RowListener = Callable[[AsyncSession, str, Mapping[str, Any]], None]
"""Takes the session, what was done (`created`, `updated` or `deleted`), and the row's values: its `id` and columns."""


class _Listener(NamedTuple):
    columns: tuple[str, ...]
    call: RowListener


_listeners: dict[type[Any], _Listener] = {}


def on_change(model: type[Any], columns: tuple[str, ...], listener: RowListener) -> None:
    """Call a function for each changed row, with these columns; for their old values, too, if they change."""
    _listeners[model] = _Listener(columns, listener)


def reported_columns(model: type[Any]) -> tuple[str, ...]:
    """Return the columns that a statement has to return for the function of the model, if there is one."""
    return ("id", *_listeners[model].columns) if model in _listeners else ()


def report(session: AsyncSession, model: type[Any], action: str, row: Mapping[str, Any]) -> None:
    """Call the function for a row that a statement changed."""
    if model in _listeners:
        _listeners[model].call(session, action, row)


@event.listens_for(WriteSession.sync_session_class, "after_flush")
def _report_flushed(session: Session, _: object) -> None:
    if not _listeners:
        return
    changed = [row for row in session.dirty if session.is_modified(row)]
    for action, rows in (("created", session.new), ("updated", changed), ("deleted", session.deleted)):
        for row in rows:
            if listener := _listeners.get(type(row)):
                for values in _values(row, listener.columns):
                    listener.call(async_session(session), action, values)  # type: ignore[arg-type]


def _values(row: Any, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any model
    """Yield the row's values and, if they differ, those before the change."""
    current = {name: getattr(row, name) for name in ("id", *columns)}
    history = {name: inspect(row).attrs[name].history.deleted for name in columns}
    before = {**current, **{name: old[0] for name, old in history.items() if old}}
    yield current
    if before != current:
        yield before
