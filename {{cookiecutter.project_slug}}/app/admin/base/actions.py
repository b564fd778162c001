"""Decorator for actions of list views."""

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any

from fastapi import Request
from starlette_admin.actions import ActionSelection, action, row_action

Handler = Callable[[Any, Request, Sequence[Any]], Awaitable[None]]


def bulk_and_row_action(
    name: str, text: str, confirmation: str, *, single_confirmation: str | None = None, icon_class: str
) -> Callable[[Handler], Callable[..., Awaitable[Any]]]:
    """Offer a method as an action on selected records and in the menu of each record.

    The method gets the rows. `single_confirmation` is the question for one record, if it differs.
    """

    def register(method: Handler) -> Callable[..., Awaitable[Any]]:
        @wraps(method)
        async def run(view: Any, request: Request, selected: ActionSelection | str) -> None:  # noqa: ANN401 - a ModelView
            rows = selected.rows() if isinstance(selected, ActionSelection) else view.find_by_pks(request, [selected])
            await method(view, request, await rows)

        action(name, text, confirmation, icon_class=icon_class)(run)  # both mark the function and return it
        row_action(name, text, single_confirmation or confirmation, icon_class=icon_class)(run)
        return run

    return register
