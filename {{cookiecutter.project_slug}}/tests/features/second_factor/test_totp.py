"""TOTP codes (RFC 6238)."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from app.features.second_factor import totp

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""Secret of RFC 6238, appendix B: "12345678901234567890"."""


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")],
)
def test_codes_match_the_rfc_test_vectors(seconds: int, code: str) -> None:
    """The RFC lists eight digits; apps show the last six. https://www.rfc-editor.org/rfc/rfc6238"""
    assert totp.match_time_step(SECRET, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30


def test_only_current_and_previous_codes_are_valid() -> None:
    now = datetime(2026, 11, 21, 12, 0, 15, tzinfo=UTC)
    present = int(now.timestamp()) // 30
    step = timedelta(seconds=30)

    def found(code_at: datetime) -> int | None:
        code = pyotp.TOTP(SECRET).at(code_at)
        return totp.match_time_step(SECRET, code, now)

    assert [found(now + n * step) for n in (-2, -1, 0, 1)] == [None, present - 1, present, None]


@pytest.mark.parametrize("entered", ["287 082", " 287082\n"])
def test_spaces_in_a_code_are_ignored(entered: str) -> None:
    assert totp.match_time_step(SECRET, entered, datetime.fromtimestamp(59, UTC)) == 1


@pytest.mark.parametrize(
    "entered", ["", "28708", "2870822", "\uff12\uff18\uff17\uff10\uff18\uff12", "287-082", "abcdef", "é" * 6]
)
def test_malformed_code_is_rejected(entered: str) -> None:
    assert totp.match_time_step(SECRET, entered, datetime.fromtimestamp(59, UTC)) is None
