"""Save an imported file in one transaction: all rows or none. A preview rolls back."""

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
from app.database.keys import key_of

_CHUNK_SIZE = 250


async def save_batch(batch: ImportBatch, session: AsyncSession, *, commit: bool) -> None:
    """Save the rows. An error, such as a title that was taken in the meantime, is added to the batch."""
    session.expunge_all()  # the rows and their references were loaded in another session
    try:
        async with session.begin_nested() as savepoint:
            await _write(batch, session)
            if not commit:
                await savepoint.rollback()
    except Exception as error:
        messages = error.errors if isinstance(error, FormValidationError) else batch.view.explain(error)
        if messages is None:
            raise
        batch.errors += [(0, str(name) or None, str(message)) for name, message in messages.items()]
    else:
        for row in batch.import_rows if commit else ():
            on_commit(batch.request, partial(_emit_committed, batch, row))


async def _write(batch: ImportBatch, session: AsyncSession) -> None:
    request, view = batch.request, batch.view
    for chunk in _chunks(batch.import_rows):
        await asyncio.sleep(0)  # let other requests run
        for row in chunk:
            await _emit_before(batch, row)
    for chunk in _chunks(batch.import_rows):
        session.add_all(row.record for row in chunk)
        await session.flush()
    for chunk in _chunks(batch.import_rows):
        request.state.visible_after_save = await find_visible_ids(
            request, session, view, {key_of(row.record) for row in chunk}
        )
        for row in chunk:
            await _emit_after(batch, row)
        await view.record_all(request, [await _event(batch, row) for row in chunk])


async def _event(batch: ImportBatch, row: ImportRow) -> tuple[Event, Any, dict[str, Any]]:
    if row.before is None:
        return Event.ROW_CREATED, row.record, {}
    after = await snapshot(batch.view, batch.request, row.record)
    return Event.ROW_CHANGED, row.record, {"changes": diff(batch.view.model, row.before, after)}


def _chunks(rows: Sequence[ImportRow]) -> Iterator[Sequence[ImportRow]]:
    return (rows[start : start + _CHUNK_SIZE] for start in range(0, len(rows), _CHUNK_SIZE))


# The hooks that the library calls when a form is saved.


async def _emit_before(batch: ImportBatch, row: ImportRow) -> None:
    request, view = batch.request, batch.view
    if row.before is None:
        await view._emit_before_create(request, row.data, row.record)  # noqa: SLF001
    else:
        pk = str(key_of(row.record))
        await view._emit_before_edit(request, row.data, row.record, pk=pk, old_data=dict(row.before))  # noqa: SLF001


async def _emit_after(batch: ImportBatch, row: ImportRow) -> None:
    request, view = batch.request, batch.view
    if row.before is None:
        await view._emit_after_create(request, row.record)  # noqa: SLF001
    else:
        pk = str(key_of(row.record))
        await view._emit_after_edit(request, row.record, pk=pk, old_data=dict(row.before))  # noqa: SLF001


async def _emit_committed(batch: ImportBatch, row: ImportRow) -> None:
    request, view = batch.request, batch.view
    if row.before is None:
        await view._emit_after_create_committed(request, row.record)  # noqa: SLF001
    else:
        await view._emit_after_edit_committed(request, row.record, old_data=dict(row.before))  # noqa: SLF001
