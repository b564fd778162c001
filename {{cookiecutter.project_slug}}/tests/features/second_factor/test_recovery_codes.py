"""Format of recovery codes."""

import pytest

from app.features.second_factor import recovery_codes


def test_codes_are_parsed_as_users_type_them() -> None:
    for number, secret in enumerate(recovery_codes.generate_secrets(), 1):
        written = recovery_codes.format_code(number, secret)
        for entered in (written, written.lower(), f" {written} ", written.replace("-", ""), written.replace("-", " ")):
            assert recovery_codes.parse_code(entered) == (number, secret)


@pytest.mark.parametrize(
    "entered", ["", "0-ABCDE-FGHJK", "11-ABCDE-FGHJK", "1-ABCDE-FGHJ", "1-ABCDE-FGHJKK", "1-ABCD0-FGHJK", "ABCDE-FGHJK"]
)
def test_malformed_code_is_rejected(entered: str) -> None:
    assert recovery_codes.parse_code(entered) is None


def test_codes_have_fifty_bits_and_no_lookalikes() -> None:
    created = recovery_codes.generate_secrets()

    assert len(created) == len(set(created)) == 10
    assert {len(secret) for secret in created} == {10}
    assert len(set(recovery_codes.ALPHABET)) == 2**5
    assert not set("0O1I") & set(recovery_codes.ALPHABET)
