"""Filters that the library lacks: on times, for what is entered counts as UTC, and on what a row refers to."""

from datetime import UTC, date, datetime, time
from typing import Any

from starlette_admin.contrib.sqla import filters as library
from starlette_admin.fields import BaseField, DateTimeField, RelationField
from starlette_admin.filters import FilterApplyContext, filters
from starlette_admin.filters.base import BaseFilter


class IsAt(library.DateTimeEqualFilter):
    """This moment."""

    def parse_value(self, raw: str) -> date | datetime | time:
        """Read a time."""
        return _in_utc(super().parse_value(raw))


class IsBetween(library.DateTimeBetweenFilter):
    """From one moment to another."""

    def parse_value(self, raw: str) -> date | datetime | time:
        """Read a time."""
        return _in_utc(super().parse_value(raw))


class RefersTo(library.ContainsFilter):
    """A row that is found by this text, which is searched as in the list of its kind."""

    def apply(self, ctx: FilterApplyContext) -> Any:  # noqa: ANN401 - as the library has it
        """Return the condition."""
        view: Any = ctx.view
        request: Any = ctx.request
        field = next(field for field in view.get_fields_list(request) if field.name == ctx.field_name)
        foreign = view._find_foreign_view(field.key)  # noqa: SLF001
        found = foreign.get_list_query(request).where(foreign.get_search_query(request, ctx.value))
        keys = found.with_only_columns(foreign.model.id, maintain_column_froms=True).correlate(None)
        relation = getattr(view.model, ctx.field_name)
        if field.multiple:
            return relation.any(foreign.model.id.in_(keys))
        return next(iter(relation.property.local_columns)).in_(keys)


class Filters(library.SqlaFilterRegistry):
    """Which filters a field has."""

    @filters(DateTimeField)
    def datetime_filters(self, field: BaseField) -> list[type[BaseFilter]]:
        """Take ours in place of the library's two that compare."""
        ours: dict[str, type[BaseFilter]] = {kind.name: kind for kind in (IsAt, IsBetween)}
        return [ours.get(kind.name, kind) for kind in super().datetime_filters(field)]

    @filters(RelationField)
    def relation_filters(self, field: BaseField) -> list[type[BaseFilter]]:
        """Add ours."""
        return [RefersTo, *super().relation_filters(field)]


def _in_utc(value: date | datetime | time) -> date | datetime | time:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
