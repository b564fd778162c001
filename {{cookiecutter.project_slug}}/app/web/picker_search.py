"""Search of the pickers in forms: select fields and checkboxes that show only some of the rows.

A picker with as many options as it can show has a search box (`fields.html`). Its button submits the form, which is
shown again with the options that were found, and with the input. So does the Enter key in a changed search box.
"""

from collections.abc import Iterable, Mapping
from typing import Self

from starlette.datastructures import FormData

from app.database.search import MAX_SEARCH_LENGTH

_TEXT, _SHOWN, _BUTTON = "search-", "searched-", "picker-search"  # no field has a hyphen in its name


class Selection(frozenset[str]):
    """The selected values of a picker, and the text that its options are searched for."""

    search: str

    def __new__(cls, values: Iterable[str] = (), search: str = "") -> Self:
        """Create a selection."""
        selection = super().__new__(cls, values)
        selection.search = search
        return selection


def read_searches(sent: FormData) -> Mapping[str, str]:
    """Return the search texts in a submitted form, by field."""
    texts = {name.removeprefix(_TEXT): value for name, value in sent.items() if name.startswith(_TEXT)}
    return {
        name: text
        for name, value in texts.items()
        if isinstance(value, str) and (text := value.replace("\0", "").strip()[:MAX_SEARCH_LENGTH])
    }


def is_search(sent: FormData) -> bool:
    """Return whether the form was submitted to search for options, not to save it."""
    shown = {name.removeprefix(_SHOWN): value for name, value in sent.items() if name.startswith(_SHOWN) and value}
    return _BUTTON in sent or (any(name.startswith(_SHOWN) for name in sent) and read_searches(sent) != shown)
