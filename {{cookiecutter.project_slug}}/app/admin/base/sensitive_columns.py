"""Detect columns with secrets, which are hidden by default and never logged."""

import re
from typing import Any

from sqlalchemy import Column, LargeBinary

_NAMES = re.compile(
    r"(^|_)(passwords?|passwd|passphrase|secrets?|tokens?|hash(es)?|hashed|digest|salt|credentials?|payload)(_|$)"
    r"|_keys?$"
)


def is_sensitive(column: Column[Any]) -> bool:
    """Return whether a column is sensitive by its name or type: bytes are hashes or ciphertext in this project."""
    column_type = getattr(column.type, "impl", column.type)  # of a TypeDecorator
    return isinstance(column_type, LargeBinary) or _NAMES.search(column.key) is not None
