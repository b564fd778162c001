"""Audit logging: records an event for each create, update, delete, action, export and import.

Events are written in the transaction of what they tell of: what is refused or fails leaves none.
"""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from fastapi import Request
from sqlalchemy import inspect
from starlette_admin.events import AdminEvent

from app.accounts.events import Event
from app.accounts.models import User
from app.admin.base.audit_log import record, record_all
from app.admin.base.changes import diff, snapshot, truncate
from app.admin.base.saving import SavingView
from app.database.base import UUIDv7Base
from app.errors import StillReferenced


class AuditedView(SavingView):
    """What `ModelView` does so that nothing happens unseen."""

    audited_separately: ClassVar[frozenset[str]] = frozenset({"delete", "export"})
    """Actions and fields of which a more telling event is written: by what is called, or by the view itself."""
    delete_event: ClassVar[Event] = Event.ROW_DELETED

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.events.on(AdminEvent.BEFORE_ACTION, self._record_action)
        self.events.on(AdminEvent.AFTER_EXPORT, self._record_export)
        self.events.on(AdminEvent.AFTER_IMPORT, self._record_import)

    async def create(self, request: Request, data: dict[str, Any]) -> Any:  # noqa: ANN401
        """Create a row."""
        row = await super().create(request, data)
        await self.record_created(request, row)
        return row

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:  # noqa: ANN401
        """Save a row, and compare it with what it was."""
        before = await snapshot(self, request, await self.find_by_pk(request, pk))
        row = await super().edit(request, pk, data)
        changes = diff(self.model, before, await snapshot(self, request, row))
        told = {name: change for name, change in changes.items() if name not in self.audited_separately}
        if told:
            await self._record(request, Event.ROW_CHANGED, row, changes=told)
        return row

    async def delete(self, request: Request, pks: list[Any]) -> int | None:
        """Delete rows, and name the one that others still refer to.

        The events come first: afterwards none can refer to people who delete themselves.
        """
        names = {}
        for row in await self.find_by_pks(request, pks):
            names[row.id] = await self.repr(row, request)
            await self._record(request, self.delete_event, row)
        try:
            return await super().delete(request, pks)
        except StillReferenced as refusal:
            name = names.get(inspect(refusal.row).identity[0]) if refusal.row else None
            said = refusal.detail and name and refusal.detail.replace(":", f' "{truncate(name)}":', 1)
            raise StillReferenced(said or refusal.detail) from refusal

    async def record_created(self, request: Request, row: UUIDv7Base) -> None:
        """Write down a new row."""
        await self._record(request, Event.ROW_CREATED, row)

    async def record_all(self, request: Request, happened: Sequence[tuple[Event, UUIDv7Base, dict[str, Any]]]) -> None:
        """Write down what an import did to many rows; the log has one line for all of them."""
        told = [(event, _person_of(row), row, await self._told(request, row, data)) for event, row, data in happened]
        await record_all(request, told)

    async def _record(self, request: Request, event: Event, row: UUIDv7Base, **data: Any) -> None:  # noqa: ANN401
        data = await self._told(request, row, data)
        await record(request, event, _person_of(row), target=row, **data)

    async def _told(self, request: Request, row: UUIDv7Base, data: dict[str, Any]) -> dict[str, Any]:
        """Name the row, but not a person: their events are wiped before they are deleted, and these stay."""
        return data if isinstance(row, User) else {**data, "name": truncate(await self.repr(row, request))}

    async def _record_action(self, context: Any) -> None:  # noqa: ANN401 - a kind of event for each
        """Write down what runs next, and is allowed; afterwards, its rows may be gone."""
        name = context.action_name
        if name in self.audited_separately:
            return
        rows = await context.selection.rows()
        for row in rows:
            await self._record(context.request, Event.ADMIN_ACTION, row, action=name)
        if not rows:
            await record(context.request, Event.ADMIN_ACTION, None, target=self.model, action=name)

    async def _record_export(self, context: Any) -> None:  # noqa: ANN401
        kind, rows = context.export_type.extension, context.row_count
        await record(context.request, Event.ROWS_EXPORTED, None, target=self.model, format=kind, rows=rows)

    async def _record_import(self, context: Any) -> None:  # noqa: ANN401
        if not context.import_ctx.dry_run and not context.error_count:
            await record(context.request, Event.ROWS_IMPORTED, None, target=self.model, rows=context.row_count)


def _person_of(row: UUIDv7Base) -> UUID | None:
    """Return whose row it is: when they are deleted, its events lose what they repeat of it."""
    if isinstance(row, User):
        return row.id
    columns = inspect(type(row)).columns
    for name in ("owner_id", "user_id"):
        if name in columns and any(key.column is User.__table__.c.id for key in columns[name].foreign_keys):
            owner: UUID | None = getattr(row, name)
            return owner
    return None
