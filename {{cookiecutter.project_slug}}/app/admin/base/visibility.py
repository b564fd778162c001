"""What other rows, the history and the log may tell of a row: nothing but its id, where `visible_rows` hides it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette_admin.fields import RelationField

from app.accounts.models import AuthEvent

HIDDEN_LABEL = "No access"


async def find_visible_ids(
    request: Request,
    session: AsyncSession,
    view: Any,  # noqa: ANN401
    ids: Collection[UUID],
) -> Collection[UUID]:
    """Return the ids of the rows that the visitor may see: one query, or none for a view that shows all its rows."""
    keys = view.get_list_query(request).with_only_columns(view.model.id, maintain_column_froms=True)
    shows_all = keys.whereclause is None and keys.get_final_froms() == [view.model.__table__]
    return ids if shows_all or not ids else frozenset(await session.scalars(keys.where(view.model.id.in_(ids))))


async def visible_data(
    request: Request, session: AsyncSession, views: Sequence[Any], events: Sequence[AuthEvent]
) -> dict[UUID, dict[str, Any]]:
    """Return what the visitor may read in the data of events, by the id of the event.

    An event about a row that no accessible view shows keeps neither the name of the row nor its changes.
    """
    hidden = {"name", "changes"}
    told = {
        event.id: {name: value for name, value in event.data.items() if event.target_id is None or name not in hidden}
        for event in events
    }
    for view in views:
        about = {event: UUID(event.target_id) for event in events if event.target_id and _is_about(event, view)}
        if about and view.is_accessible(request):
            seen = await find_visible_ids(request, session, view, {*about.values()})
            shown = [event for event, row in about.items() if row in seen]
            told |= await _shown_data(request, session, view, shown)
    return told


def _is_about(event: AuthEvent, view: Any) -> bool:  # noqa: ANN401
    return bool(event.target_type == view.model.__tablename__)


async def _shown_data(
    request: Request,
    session: AsyncSession,
    view: Any,  # noqa: ANN401
    events: Sequence[AuthEvent],
) -> dict[UUID, dict[str, Any]]:
    """Return the data of events about visible rows, without hidden fields and the names of hidden rows."""
    titled = view.can_view_field(request, view.title_field)
    told = {event.id: {n: value for n, value in event.data.items() if n != "name" or titled} for event in events}
    changed = [data for data in told.values() if data.get("changes")]
    for data in changed:
        data["changes"] = {n: change for n, change in data["changes"].items() if view.can_view_field(request, n)}
    for field in (field for field in view.fields if isinstance(field, RelationField)):
        foreign = view._find_foreign_view(field.key)  # noqa: SLF001
        changes = [data["changes"] for data in changed if field.name in data["changes"]]
        ids = {UUID(row["id"]) for change in changes for row in referenced_rows(change[field.name])}
        seen = await find_visible_ids(request, session, foreign, ids) if foreign.is_accessible(request) else ()
        hidden = {str(key) for key in ids if key not in seen}
        for change in changes:
            change[field.name] = _without_names(change[field.name], hidden)
    return told


def referenced_rows(change: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return the rows that a change of a reference tells of."""
    for value in (change.get("old"), change.get("new"), *change.get("added", ()), *change.get("removed", ())):
        if isinstance(value, dict):
            yield value


def _without_names(change: Any, hidden: Collection[str]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(change, list):
        return [_without_names(value, hidden) for value in change]
    if isinstance(change, dict) and change.get("id") in hidden:
        return {**change, "name": HIDDEN_LABEL}
    if isinstance(change, dict):
        return {name: _without_names(value, hidden) for name, value in change.items()}
    return change
