"""How a key is written: `app_`, a prefix to find it by, the secret, and a checksum.

    app_Kd7mPq2x_<43 characters, 249 bits>_u9XwTe

The checksum tells a key from a typo without asking the database, and lets scanners of source code recognise one.
"""

import re
import secrets
import zlib
from typing import NamedTuple

TOKEN_PREFIX = "app_"  # noqa: S105 - how every key begins

# No 0 and O, no 1, l and I: people read keys to each other, whatever they are told.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

_SHAPE = re.compile(rf"{TOKEN_PREFIX}([{ALPHABET}]{{8}})_[{ALPHABET}]{{43}}_[{ALPHABET}]{{6}}")


class NewKey(NamedTuple):
    """A key that was just made; `raw` is shown once and stored nowhere."""

    prefix: str
    raw: str


def generate_key() -> NewKey:
    """Create a key."""
    prefix = _random(8)
    body = f"{TOKEN_PREFIX}{prefix}_{_random(43)}"
    return NewKey(prefix, f"{body}_{_check_sum(body)}")


def parse_prefix(raw: str) -> str | None:
    """Return the prefix of what is written like a key, and none of what cannot be one."""
    shape = _SHAPE.fullmatch(raw)
    if shape is None or _check_sum(raw[:-7]) != raw[-6:]:
        return None
    return shape[1]


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _check_sum(body: str) -> str:
    """Return the CRC-32 in six digits of our alphabet, which have room for it."""
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, len(ALPHABET))
        digits += ALPHABET[digit]
    return digits
