"""Detect columns and JSON with secrets by their names. They are hidden by default and never logged."""

import re
from typing import Any

from sqlalchemy import Column, LargeBinary

_NAMES = re.compile(
    r"(^|_)(passwords?|passwd|passphrase|secrets?|tokens?|hash(es)?|hashed|digest|salt|credentials?|payload)(_|$)"
    r"|_keys?$"
)
_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s.-]+")


def is_sensitive(column: Column[Any]) -> bool:
    """Return whether a column is sensitive by its name or type: bytes are hashes or ciphertext in this project."""
    column_type = getattr(column.type, "impl", column.type)  # of a TypeDecorator
    return isinstance(column_type, LargeBinary) or is_sensitive_name(column.key)


def is_sensitive_name(name: str) -> bool:
    """Return whether a name such as `api_key`, `apiKey` or `API-Key` looks like that of a secret."""
    return _NAMES.search(_WORD_BOUNDARY.sub("_", name).lower()) is not None
