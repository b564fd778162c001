"""Values of enum fields: which are valid, and the names of their members in Python."""

import re
import unicodedata
from collections.abc import Sequence

from app.database.titles import enum_label

_SYMBOLS = {"+": "plus", "-": "minus", "<": "below", ">": "above"}
"""Words for symbols at the start or end of a word."""


def member_names(values: Sequence[str]) -> list[str]:
    """Return the member names of these values: `IN_STOCK` for "in stock", `A_PLUS` for "A+"."""
    names: list[str] = []
    for position, value in enumerate(values, 1):
        text = re.sub(r"[-+<>](?!\w)|(?<!\w)[-+<>]", lambda found: f" {_SYMBOLS[found[0]]} ", value)
        ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
        name = re.sub(r"[\W_]+", "_", ascii_text).strip("_").upper() or str(position)
        name = name if name[0].isalpha() else f"VALUE_{name}"
        while name in names:
            name = f"{name}_{position}"
        names.append(name)
    return names


def enum_value_errors(values: Sequence[str]) -> list[str]:
    """Return the errors in the values of an enum."""
    if len(values) < 2 or not all(map(_is_valid, values)):  # noqa: PLR2004
        hint = "specify at least two values of 1 to 40 characters, without double quotes and backslashes"
        return [f"{hint}, for example enum=draft,live"]
    labels = [enum_label(value).casefold() for value in values]
    same = [value for value, label in zip(values, labels, strict=True) if labels.count(label) > 1]
    return [f"duplicate value: {' and '.join(same)} are shown as the same text"] if same else []


def _is_valid(value: str) -> bool:
    return bool(re.fullmatch(r'[^"\\]{1,40}', value)) and value.isprintable() and value == value.strip()
