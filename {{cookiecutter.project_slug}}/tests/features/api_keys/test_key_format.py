"""Format of API keys."""

import re

import pytest

from app.features.api_keys.key_format import ALPHABET, generate_key, parse_prefix


def test_key_has_the_documented_format() -> None:
    key = generate_key()

    assert re.fullmatch(r"app_[A-Za-z2-9]{8}_[A-Za-z2-9]{43}_[A-Za-z2-9]{6}", key.raw)
    assert parse_prefix(key.raw) == key.prefix == key.raw[4:12]


def test_keys_are_unique() -> None:
    assert len({generate_key().prefix for _ in range(100)}) == 100


def test_alphabet_has_no_lookalikes() -> None:
    assert not set("0O1lI") & set(ALPHABET)
    assert len(ALPHABET) ** 6 > 2**32


def test_checksum_detects_every_single_typo() -> None:
    """A CRC-32 detects all burst errors of up to 32 bits."""
    raw = generate_key().raw

    for place in range(4, len(raw)):
        for other in ALPHABET.replace(raw[place], ""):
            assert parse_prefix(raw[:place] + other + raw[place + 1 :]) is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda raw: raw + "2", id="longer"),
        pytest.param(lambda raw: raw[:-1], id="shorter"),
        pytest.param(lambda raw: raw + "\n", id="line-end"),
        pytest.param(lambda raw: raw.upper(), id="upper-case"),
        pytest.param(lambda raw: raw.replace("app_", "APP_"), id="other-start"),
        pytest.param(lambda raw: "ä" + raw[1:], id="not-ascii"),
        pytest.param(lambda raw: raw[:0], id="empty"),
    ],
)
def test_malformed_key_has_no_prefix(change: object) -> None:
    assert callable(change)
    assert parse_prefix(change(generate_key().raw)) is None
