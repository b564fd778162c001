"""Date range links above a list: today, past 7 days, this month, this year."""

from datetime import date, timedelta
from typing import Any, NamedTuple

from fastapi import Request

from app.admin.base.model_view import ModelView
from app.database.base import utc_now
from app.i18n import gettext_noop


class DateRangeLink(NamedTuple):
    """A link above a list."""

    label: str
    url: str
    is_active: bool


def date_ranges(request: Request, view: ModelView) -> list[DateRangeLink]:
    """Return the links, or none if the list doesn't show the view's `date_field`."""
    if all(field.name != view.date_field for field in view.get_fields_list(request)):
        return []
    active = _rules(request, view)
    others = [rule for rule in active if (rule.get("field"), rule.get("filter")) != (view.date_field, "between")]
    links = [DateRangeLink(gettext_noop("Any time"), _url(request, view, others), len(others) == len(active))]
    for label, first, last in _periods(utc_now().date()):
        rule = {
            "field": view.date_field,
            "filter": "between",
            "value": f"{first}T00:00:00",
            "value2": f"{last}T23:59:59",
        }
        links.append(DateRangeLink(label, _url(request, view, [*others, rule]), rule in active))
    return links


def _rules(request: Request, view: ModelView) -> list[dict[str, Any]]:
    """Return the rules of the list's filter that are combined with AND. The list has validated the filter before."""
    text = request.query_params.get("filter")
    if not text:
        return []
    tree = view._parse_filter_string(text)  # noqa: SLF001 - the library has no public parser
    return list(tree["rules"]) if tree.get("logic") == "and" else [tree]


def _url(request: Request, view: ModelView, rules: list[dict[str, Any]]) -> str:
    return view._filter_tree_url(request, "and", rules)  # noqa: SLF001


def _periods(today: date) -> list[tuple[str, date, date]]:
    month = today.replace(day=1)
    next_month = (month + timedelta(days=31)).replace(day=1)
    return [
        (gettext_noop("Today"), today, today),
        (gettext_noop("Past 7 days"), today - timedelta(days=6), today),
        (gettext_noop("This month"), month, next_month - timedelta(days=1)),
        (gettext_noop("This year"), date(today.year, 1, 1), date(today.year, 12, 31)),
    ]
