"""Detect columns with secrets, which are hidden by default and not logged."""

import re
from typing import Any

from sqlalchemy import Column, LargeBinary

_NAMES = re.compile(
    r"(^|_)(passwords?|passwd|passphrase|secrets?|tokens?|hash(es)?|hashed|digest|salt|credentials?|payload)(_|$)"
    r"|_keys?$"
)


def is_sensitive(column: Column[Any]) -> bool:
    """Tell it by the name, or because bytes are hashes or encrypted here."""
    kind = getattr(column.type, "impl", column.type)  # what a TypeDecorator is made of
    return isinstance(kind, LargeBinary) or _NAMES.search(column.key) is not None
