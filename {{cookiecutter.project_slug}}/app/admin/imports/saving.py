"""Storing an imported file: all of its rows in one short transaction, or none. A preview rolls it back."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from starlette_admin.exceptions import FormValidationError
from starlette_admin.helpers import on_commit

from app.accounts.events import Event
from app.admin.base.changes import diff, snapshot
from app.admin.base.visibility import find_visible_ids
from app.admin.imports.batch import ImportBatch, ImportRow

_AT_ONCE = 250


async def save_batch(batch: ImportBatch, session: AsyncSession, *, keep: bool) -> None:
    """Store the rows; what is refused now, such as a title that someone took meanwhile, refuses all."""
    session.expunge_all()  # what the rows refer to was read in another session
    try:
        async with session.begin_nested() as savepoint:
            await _write(batch, session)
            if not keep:
                await savepoint.rollback()
    except Exception as error:
        said = error.errors if isinstance(error, FormValidationError) else batch.view.explain(error)
        if said is None:
            raise
        batch.problems += [(0, str(name) or None, str(message)) for name, message in said.items()]
    else:
        for line in batch.lines if keep else ():
            on_commit(batch.request, partial(_tell_committed, batch, line))


async def _write(batch: ImportBatch, session: AsyncSession) -> None:
    request, view = batch.request, batch.view
    for part in _parts(batch.lines):
        await asyncio.sleep(0)  # others are served in between
        for line in part:
            await _tell_before(batch, line)
    for part in _parts(batch.lines):
        session.add_all(line.row for line in part)
        await session.flush()
    for part in _parts(batch.lines):
        ids = {line.row.id for line in part}
        request.state.visible_after_save = await find_visible_ids(request, session, view, ids)
        for line in part:
            await _tell_after(batch, line)
        await view.record_all(request, [await _event(batch, line) for line in part])


async def _event(batch: ImportBatch, line: ImportRow) -> tuple[Event, Any, dict[str, Any]]:
    if line.before is None:
        return Event.ROW_CREATED, line.row, {}
    after = await snapshot(batch.view, batch.request, line.row)
    return Event.ROW_CHANGED, line.row, {"changes": diff(batch.view.model, line.before, after)}


def _parts(lines: Sequence[ImportRow]) -> Iterator[Sequence[ImportRow]]:
    return (lines[start : start + _AT_ONCE] for start in range(0, len(lines), _AT_ONCE))


# What the library calls when a form is saved.


async def _tell_before(batch: ImportBatch, line: ImportRow) -> None:
    request, view = batch.request, batch.view
    if line.before is None:
        await view._emit_before_create(request, line.data, line.row)  # noqa: SLF001
    else:
        pk = str(line.row.id)
        await view._emit_before_edit(request, line.data, line.row, pk=pk, old_data=dict(line.before))  # noqa: SLF001


async def _tell_after(batch: ImportBatch, line: ImportRow) -> None:
    request, view = batch.request, batch.view
    if line.before is None:
        await view._emit_after_create(request, line.row)  # noqa: SLF001
    else:
        pk = str(line.row.id)
        await view._emit_after_edit(request, line.row, pk=pk, old_data=dict(line.before))  # noqa: SLF001


async def _tell_committed(batch: ImportBatch, line: ImportRow) -> None:
    request, view = batch.request, batch.view
    if line.before is None:
        await view._emit_after_create_committed(request, line.row)  # noqa: SLF001
    else:
        await view._emit_after_edit_committed(request, line.row, old_data=dict(line.before))  # noqa: SLF001
