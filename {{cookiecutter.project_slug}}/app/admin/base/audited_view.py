"""Audit logging: records an event for each create, update, delete, action, export and import.

Events are written in the transaction of the change, so failed requests leave none.
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
from app.database.base import Base
from app.database.keys import key_of
from app.errors import StillReferenced
from app.i18n import SOURCE_LOCALE, use_locale


class AuditedView(SavingView):
    """The part of `ModelView` that records audit events."""

    audited_separately: ClassVar[frozenset[str]] = frozenset({"delete", "export"})
    """Actions and fields with an event of their own, recorded by the view or by the service it calls."""
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
        """Save a row and record what changed."""
        before = await snapshot(self, request, await self.find_by_pk(request, pk))
        row = await super().edit(request, pk, data)
        changes = diff(self.model, before, await snapshot(self, request, row))
        changes = {name: change for name, change in changes.items() if name not in self.audited_separately}
        if changes:
            await self._record(request, Event.ROW_CHANGED, row, changes=changes)
        return row

    async def delete(self, request: Request, pks: list[Any]) -> int | None:
        """Delete rows. If another row refers to one of them, the error names it.

        Events are recorded before the deletion, because none can refer to users who deleted themselves.
        """
        names = {}
        for row in await self.find_by_pks(request, pks):
            names[key_of(row)] = await self.repr(row, request)
            await self._record(request, self.delete_event, row)
        try:
            return await super().delete(request, pks)
        except StillReferenced as error:
            name = names.get(inspect(error.row).identity[0]) if error.row else None
            detail = error.detail and name and error.detail.replace(":", f' "{truncate(name)}":', 1)
            raise StillReferenced(detail or error.detail) from error

    async def record_created(self, request: Request, row: Base) -> None:
        """Record the creation of a row."""
        await self._record(request, Event.ROW_CREATED, row)

    async def record_all(self, request: Request, changes: Sequence[tuple[Event, Base, dict[str, Any]]]) -> None:
        """Record the rows that an import created or changed."""
        rows = [(event, _owner_id(row), row, await self._with_name(request, row, data)) for event, row, data in changes]
        await record_all(request, rows)

    async def _record(self, request: Request, event: Event, row: Base, **data: Any) -> None:  # noqa: ANN401
        data = await self._with_name(request, row, data)
        await record(request, event, _owner_id(row), target=row, **data)

    async def _with_name(self, request: Request, row: Base, data: dict[str, Any]) -> dict[str, Any]:
        """Add the name of the row, except of a user: personal data must not outlive the account."""
        if isinstance(row, User):
            return data
        with use_locale(SOURCE_LOCALE):  # the log has one language
            return {**data, "name": truncate(await self.repr(row, request))}

    async def _record_action(self, context: Any) -> None:  # noqa: ANN401 - the type of event differs
        """Record an allowed action before it runs, because it may delete its rows."""
        name = context.action_name
        if name in self.audited_separately:
            return
        rows = await context.selection.rows()
        for row in rows:
            await self._record(context.request, Event.ADMIN_ACTION, row, action=name)
        if not rows:
            await record(context.request, Event.ADMIN_ACTION, None, target=self.model, action=name)

    async def _record_export(self, context: Any) -> None:  # noqa: ANN401
        extension, rows = context.export_type.extension, context.row_count
        await record(context.request, Event.ROWS_EXPORTED, None, target=self.model, format=extension, rows=rows)

    async def _record_import(self, context: Any) -> None:  # noqa: ANN401
        if not context.import_ctx.dry_run and not context.error_count:
            await record(context.request, Event.ROWS_IMPORTED, None, target=self.model, rows=context.row_count)


def _owner_id(row: Base) -> UUID | None:
    """Return the owner of a row: when that user is deleted, the data of its events is deleted too."""
    if isinstance(row, User):
        return row.id
    columns = inspect(type(row)).columns
    for name in ("owner_id", "user_id"):
        if name in columns and any(key.column is User.__table__.c.id for key in columns[name].foreign_keys):
            owner: UUID | None = getattr(row, name)
            return owner
    return None
