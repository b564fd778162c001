"""Format of API keys: `app_`, a prefix that identifies the key, the secret, and a checksum.

    app_Kd7mPq2x_<43 characters, 250 bits>_u9XwTe

The checksum rejects typos without a database query, and lets secret scanners recognize keys in source code.
"""

import re
import secrets
import zlib
from typing import NamedTuple

TOKEN_PREFIX = "app_"  # noqa: S105 - not a secret

# Without 0, O, 1, l and I, which look alike.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

_FORMAT = re.compile(rf"{TOKEN_PREFIX}([{ALPHABET}]{{8}})_[{ALPHABET}]{{43}}_[{ALPHABET}]{{6}}")


class NewKey(NamedTuple):
    """A generated key. `raw` is shown once and never stored."""

    prefix: str
    raw: str


def generate_key() -> NewKey:
    """Generate a key."""
    prefix = _random(8)
    body = f"{TOKEN_PREFIX}{prefix}_{_random(43)}"
    return NewKey(prefix, f"{body}_{_checksum(body)}")


def parse_prefix(raw: str) -> str | None:
    """Return the prefix of a well-formed key with a valid checksum, else None."""
    match = _FORMAT.fullmatch(raw)
    if match is None or _checksum(raw[:-7]) != raw[-6:]:
        return None
    return match[1]


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    """Return the CRC-32 as six digits of `ALPHABET`."""
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, len(ALPHABET))
        digits += ALPHABET[digit]
    return digits
