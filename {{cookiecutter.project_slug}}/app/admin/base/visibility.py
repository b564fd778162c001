"""Hide the titles and changes of rows that the user may not see, in references, the history and the log."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette_admin.fields import RelationField

from app.accounts.models import AuthEvent
from app.database.keys import key_column, parse_keys
from app.i18n import gettext, gettext_noop

HIDDEN_LABEL = gettext_noop("No access")


async def find_visible_ids(
    request: Request,
    session: AsyncSession,
    view: Any,  # noqa: ANN401
    ids: Collection[Any],
) -> Collection[Any]:
    """Return the IDs that the user may see, with one query, or none if the view shows all rows."""
    key = key_column(view.model)
    visible = view.get_list_query(request).with_only_columns(key, maintain_column_froms=True)
    shows_all = visible.whereclause is None and visible.get_final_froms() == [view.model.__table__]
    return ids if shows_all or not ids else frozenset(await session.scalars(visible.where(key.in_(ids))))


async def visible_data(
    request: Request, session: AsyncSession, views: Sequence[Any], events: Sequence[AuthEvent]
) -> dict[UUID, dict[str, Any]]:
    """Return the data of events that the user may see, by event ID.

    Without an accessible view that shows the row, the data have neither its name nor its changes.
    """
    hidden = {"name", "changes"}
    data = {
        event.id: {name: value for name, value in event.data.items() if event.target_id is None or name not in hidden}
        for event in events
    }
    for view in views:
        of_view = [event for event in events if event.target_id and event.target_type == view.model.__tablename__]
        if of_view and view.is_accessible(request):
            hidden_ids = await _hidden_ids(request, session, view, {str(event.target_id) for event in of_view})
            visible = [event for event in of_view if event.target_id not in hidden_ids]
            data |= await _visible_changes(request, session, view, visible)
    return data


async def _visible_changes(
    request: Request,
    session: AsyncSession,
    view: Any,  # noqa: ANN401
    events: Sequence[AuthEvent],
) -> dict[UUID, dict[str, Any]]:
    """Return the data of events about visible rows, without hidden fields and titles of hidden rows."""
    shows_title = view.can_view_field(request, view.title_field)
    visible = {e.id: {n: value for n, value in e.data.items() if n != "name" or shows_title} for e in events}
    changed = [data for data in visible.values() if data.get("changes")]
    for data in changed:
        data["changes"] = {n: change for n, change in data["changes"].items() if view.can_view_field(request, n)}
    for field in (field for field in view.fields if isinstance(field, RelationField)):
        foreign = view._find_foreign_view(field.key)  # noqa: SLF001
        changes = [data["changes"] for data in changed if field.name in data["changes"]]
        ids = {row["id"] for change in changes for row in referenced_rows(change[field.name])}
        hidden = await _hidden_ids(request, session, foreign, ids) if foreign.is_accessible(request) else ids
        for change in changes:
            change[field.name] = _without_titles(change[field.name], hidden)
    return visible


async def _hidden_ids(
    request: Request,
    session: AsyncSession,
    view: Any,  # noqa: ANN401
    ids: Collection[str],
) -> Collection[str]:
    """Return the IDs of rows that the user may not see, and those from before the key had another type."""
    keys = parse_keys(view.model, ids)
    visible = await find_visible_ids(request, session, view, {*keys.values()})
    return {text for text in ids if text not in keys or keys[text] not in visible}


def referenced_rows(change: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the referenced rows in a change."""
    for value in (change.get("old"), change.get("new"), *change.get("added", ()), *change.get("removed", ())):
        if isinstance(value, dict):
            yield value


def _without_titles(change: Any, hidden: Collection[str]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(change, list):
        return [_without_titles(value, hidden) for value in change]
    if isinstance(change, dict) and change.get("id") in hidden:
        return {**change, "name": gettext(HIDDEN_LABEL)}
    if isinstance(change, dict):
        return {name: _without_titles(value, hidden) for name, value in change.items()}
    return change
