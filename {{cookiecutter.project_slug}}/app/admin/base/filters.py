"""Custom list filters: UTC datetimes, case-insensitive text and references."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar

from babel.support import LazyProxy
from fastapi import Request
from sqlalchemy import not_
from starlette.exceptions import HTTPException
from starlette_admin.contrib.sqla import filters as library
from starlette_admin.fields import BaseField, DateTimeField, RelationField, StringField, TextAreaField
from starlette_admin.filters import FilterApplyContext, FilterGroup, filters
from starlette_admin.filters.base import BaseFilter, FilterDataType

from app.admin.base.durations import DURATION_FILTERS, DurationField
from app.database.keys import key_column, key_of, parse_key
from app.database.search import contains, fold_column, fold_term
from app.i18n import gettext, gettext_noop


class _UTCFilter(BaseFilter):
    def parse_value(self, raw: str) -> Any:  # noqa: ANN401 - as in the library
        """Parse a time, in UTC by default."""
        value = super().parse_value(raw)
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


class DateTimeEquals(_UTCFilter, library.DateTimeEqualFilter):
    """Equal to this time."""


class DateTimeBetween(_UTCFilter, library.DateTimeBetweenFilter):
    """Between two times."""


class Contains(library.ContainsFilter):
    """Contains this text, ignoring case."""

    def apply(self, ctx: FilterApplyContext) -> Any:  # noqa: ANN401 - as in the library
        """Return the condition."""
        return contains(_column(ctx), ctx.value)


class NotContains(library.NotContainsFilter):
    """Doesn't contain this text, ignoring case."""

    def apply(self, ctx: FilterApplyContext) -> Any:  # noqa: ANN401 - as in the library
        """Return the condition."""
        return not_(contains(_column(ctx), ctx.value))


class StartsWith(library.StartsWithFilter):
    """Starts with this text, ignoring case."""

    def apply(self, ctx: FilterApplyContext) -> Any:  # noqa: ANN401 - as in the library
        """Return the condition."""
        return fold_column(_column(ctx)).startswith(fold_term(ctx.value), autoescape=True)


class EndsWith(library.EndsWithFilter):
    """Ends with this text, ignoring case."""

    def apply(self, ctx: FilterApplyContext) -> Any:  # noqa: ANN401 - as in the library
        """Return the condition."""
        return fold_column(_column(ctx)).endswith(fold_term(ctx.value), autoescape=True)


class RelationContains(library.ContainsFilter):
    """Refers to a row that a search for this text finds in its own list."""

    def condition(self, foreign: Any, request: Request, value: Any) -> Any:  # noqa: ANN401
        """Return the condition on the referenced row."""
        return foreign.get_search_query(request, value)

    def apply(self, ctx: FilterApplyContext) -> Any:  # noqa: ANN401 - as in the library
        """Return the condition."""
        view: Any = ctx.view
        request: Any = ctx.request
        field = next(field for field in view.get_fields_list(request) if field.name == ctx.field_name)
        foreign = view._find_foreign_view(field.key)  # noqa: SLF001
        found = foreign.get_list_query(request).where(self.condition(foreign, request, ctx.value))
        key = key_column(foreign.model)
        keys = found.with_only_columns(key, maintain_column_froms=True).correlate(None)
        relation = getattr(view.model, ctx.field_name)
        if field.multiple:
            return relation.any(key.in_(keys))
        return next(iter(relation.property.local_columns)).in_(keys)


class RelationIs(RelationContains):
    """Refers to this row, selected in a picker (`static/admin.js`)."""

    name = "is"
    label: ClassVar[Any] = LazyProxy(gettext, gettext_noop("Is"), enable_cache=False)
    field_name: ClassVar[str]

    def condition(self, foreign: Any, request: Request, value: Any) -> Any:  # noqa: ANN401, ARG002
        """Return the condition on the referenced row."""
        try:
            return key_column(foreign.model) == parse_key(foreign.model, value)
        except ValueError:
            raise HTTPException(400, gettext("The filter value is invalid.")) from None

    def get_choices(self, request: Request) -> list[tuple[str, str]]:
        """Return the selected rows with their labels."""
        return [("", ""), *getattr(request.state, "filter_labels", {}).get(self.field_name, {}).items()]


@cache
def _relation_is(field_name: str) -> type[RelationIs]:
    """Return the filter of a field. The library doesn't tell filters which field they belong to."""
    return type("RelationIs", (RelationIs,), {"field_name": field_name})


async def load_filter_labels(request: Request, view: Any, group: FilterGroup) -> None:  # noqa: ANN401
    """Load the labels of the rows that a list is filtered by."""
    for rule in group.rules:
        if isinstance(rule, FilterGroup):
            await load_filter_labels(request, view, rule)
        elif rule.filter == RelationIs.name:
            field = next(field for field in view.get_fields_list(request) if field.name == rule.field)
            foreign = view._find_foreign_view(field.key)  # noqa: SLF001
            rows = await foreign.find_by_pks(request, [rule.value])
            known: dict[str, dict[str, str]] = getattr(request.state, "filter_labels", {})
            labels = known.setdefault(rule.field, {})
            for row in rows:
                labels[str(key_of(row))] = await foreign.repr(row, request)
            request.state.filter_labels = known


class AdminFilterRegistry(library.SqlaFilterRegistry):
    """The filters of each type of field."""

    @filters(StringField)
    def string_filters(self, field: BaseField) -> list[type[BaseFilter]]:
        """Search as in the API. The library would treat % and _ as wildcards."""
        return _replaced(super().string_filters(field), Contains, NotContains, StartsWith, EndsWith)

    @filters(TextAreaField)
    def textarea_filters(self, field: BaseField) -> list[type[BaseFilter]]:
        """Search as in the API."""
        return _replaced(super().textarea_filters(field), Contains, NotContains, StartsWith, EndsWith)

    @filters(DateTimeField)
    def datetime_filters(self, field: BaseField) -> list[type[BaseFilter]]:
        """Compare in UTC."""
        return _replaced(super().datetime_filters(field), DateTimeEquals, DateTimeBetween)

    @filters(DurationField)
    def duration_filters(self, field: BaseField) -> list[type[BaseFilter]]:  # noqa: ARG002
        """Compare durations. The library would search their text."""
        return DURATION_FILTERS

    @filters(RelationField)
    def relation_filters(self, field: BaseField) -> list[type[BaseFilter]]:
        """Add filters for referenced rows."""
        return [_relation_is(field.name), RelationContains, *super().relation_filters(field)]


FILTER_REGISTRY = AdminFilterRegistry()
"""Shared by all views, which ask for it several times per list."""


def rejoin_values(node: Any, find: Callable[[str, str], type[BaseFilter] | None]) -> Any:  # noqa: ANN401
    """Rejoin values that the library has split at "," or ".." although the filter takes a single value.

    `find` returns the filter of a field, by their names.
    """
    if "rules" in node:
        return {**node, "rules": [rejoin_values(rule, find) for rule in node["rules"]]}
    filter_type, value = find(node["field"], node["filter"]), node.get("value")
    if filter_type is None or value is None:
        return node
    if isinstance(value, list) and filter_type.data_type in {FilterDataType.ENUM, FilterDataType.ARRAY}:
        return {**node, "value": [_unquoted(item) for item in value]}
    if isinstance(value, list):
        return {**node, "value": _unquoted(",".join(value))}
    if "value2" in node and not filter_type.has_value2:
        return {**node, "value": _unquoted(f"{value}..{node['value2']}"), "value2": None}
    return node


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if quoted else text


def _replaced(defaults: Sequence[type[BaseFilter]], *ours: type[BaseFilter]) -> list[type[BaseFilter]]:
    """Replace the library's filters with ours of the same name."""
    by_name = {filter_type.name: filter_type for filter_type in ours}
    return [by_name.get(filter_type.name, filter_type) for filter_type in defaults]


def _column(ctx: FilterApplyContext) -> Any:  # noqa: ANN401
    view: Any = ctx.view
    return getattr(view.model, ctx.field_name)
