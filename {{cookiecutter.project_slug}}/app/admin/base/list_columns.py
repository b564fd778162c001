"""The columns that a list shows until others are selected under "Columns"."""

from collections import Counter
from collections.abc import Sequence

from starlette_admin.fields import BaseField, BooleanField, DateTimeField, EnumField, FloatField, HasOne, NumberField

MAX_COLUMNS = 6
"""What fits next to the menu on a small laptop, and on a phone as a short card."""

_KINDS = (EnumField, HasOne, DateTimeField, NumberField | FloatField, BooleanField)
"""By importance; text is last. Dates are before numbers, because the library derives them from numbers."""


def default_columns(fields: Sequence[BaseField], title_field: str, date_field: str) -> list[str]:
    """Return the title, the date, and the first field of each kind, then the second ones, and so on."""
    seen: Counter[int] = Counter()
    ranks: dict[str, tuple[int, int]] = {}
    for field in fields:
        kind = next((rank for rank, kind in enumerate(_KINDS) if isinstance(field, kind)), len(_KINDS))
        ranks[field.name] = (0, -1) if field.name in {title_field, date_field} else (seen[kind], kind)
        seen[kind] += field.name != date_field
    first = sorted(ranks, key=ranks.__getitem__)[:MAX_COLUMNS]
    return [name for name in ranks if name in first]
