"""Whatever is given to `verify`: claims or a TokenError come back, and nothing else.

test_fuzz.py copies this file into a generated project, and runs it with the project's packages.
"""

import base64
import json
import string
import time
from typing import Any
from uuid import uuid4

import pytest
from app.accounts.credentials.access_tokens import AccessTokens, Claims, TokenError
from app.settings.config import load_settings
from app.settings.keys import KeyRing
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import example, given, settings
from hypothesis import strategies as st

MANY = settings(max_examples=600, database=None, deadline=None, derandomize=True)
SOME = settings(MANY, max_examples=200)  # whole documents take long to make up

OURS = load_settings(secret_key="a key of the fuzz, which protects nothing")  # noqa: S106
KEYS = KeyRing(OURS)
TOKENS = AccessTokens(OURS, KEYS)
GOOD = TOKENS.issue(uuid4(), uuid4(), int(time.time()))


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "==")


HEADER: dict[str, Any] = json.loads(decode(GOOD.split(".")[0]))
CLAIMS: dict[str, Any] = json.loads(decode(GOOD.split(".")[1]))

anything = st.text(st.characters()) | st.binary().map(lambda raw: raw.decode("latin-1"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
json_texts = json_values.map(json.dumps) | st.text()
times = st.integers(-700, 700).map(lambda shift: int(time.time()) + shift)
letters = st.sampled_from(string.ascii_letters + string.digits + "-_.=+/ \n\x00é")


def verified(token: Any) -> Claims | None:  # noqa: ANN401 - that is the point
    """Return the claims, or nothing when the token is refused as it should be."""
    try:
        claims = TOKENS.verify(token)
    except TokenError:
        return None
    assert type(claims) is Claims
    return claims


def sign(header: str, claims: str) -> str:
    """Sign with the real key whatever stands there."""
    signed = f"{encode(header.encode(errors='replace'))}.{encode(claims.encode(errors='replace'))}"
    raw = KEYS.signing_keys()[0].sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(raw)
    return f"{signed}.{encode(r.to_bytes(32) + s.to_bytes(32))}"


def test_good_token_is_good() -> None:
    assert verified(GOOD) is not None
    assert verified(sign(json.dumps(HEADER), json.dumps(CLAIMS))) is not None


@MANY
@given(anything)
@example(GOOD + "\n")
def test_any_text(text: str) -> None:
    assert verified(text) is None


@SOME
@given(st.binary() | st.none() | st.integers() | st.lists(st.text()))
@example(GOOD.encode())
def test_anything_but_text(value: object) -> None:
    assert verified(value) is None


@SOME
@given(st.tuples(json_texts, json_texts, st.binary()), st.just(json.dumps(HEADER)) | st.none())
def test_anything_in_the_shape_of_a_token(parts: tuple[str, str, bytes], real: str | None) -> None:
    header, claims, signature = parts
    segments = (
        (real or header).encode(errors="replace"),
        claims.encode(errors="replace"),
        signature,
    )

    assert verified(".".join(map(encode, segments))) is None


@MANY
@given(st.integers(0, len(GOOD)), st.integers(0, 3), st.text(letters, max_size=3))
def test_changed_good_token(place: int, removed: int, added: str) -> None:
    changed = GOOD[:place] + added + GOOD[place + removed :]

    assert (verified(changed) is None) == (changed != GOOD)


@MANY
@given(st.integers(0, 2), st.binary(min_size=1, max_size=2), st.integers(0, 400))
def test_changed_bytes_of_a_good_token(segment: int, other: bytes, place: int) -> None:
    segments = [bytearray(decode(part)) for part in GOOD.split(".")]
    place %= len(segments[segment])
    segments[segment][place : place + len(other)] = other
    changed = ".".join(encode(bytes(part)) for part in segments)

    assert (verified(changed) is None) == (changed != GOOD)


@SOME
@given(st.dictionaries(st.sampled_from([*HEADER, "crit", "b64", "jwk"]), json_values, min_size=1))
def test_signed_header_of_any_kind(changes: dict[str, Any]) -> None:
    token = sign(json.dumps(HEADER | changes), json.dumps(CLAIMS))

    assert (verified(token) is None) == (HEADER | changes != HEADER)


@SOME
@given(st.dictionaries(st.sampled_from(list(CLAIMS)), json_values | times | st.uuids().map(str)))
def test_signed_claims_of_any_kind(changes: dict[str, Any]) -> None:
    claims = verified(sign(json.dumps(HEADER), json.dumps(CLAIMS | changes)))

    if claims is not None:
        assert {"iss", "aud"}.isdisjoint({n for n in changes if changes[n] != CLAIMS[n]})
        assert claims.issued_at < claims.expires_at <= claims.issued_at + 600
        assert time.time() - 600 < claims.issued_at < time.time() + 6


@SOME
@given(json_texts, json_texts)
@example("[" * 1000, "{}")
@example("{}", "[" * 1000)
def test_signed_text_of_any_kind(header: str, claims: str) -> None:
    assert verified(sign(header, claims)) is None
    assert verified(sign(json.dumps(HEADER), claims)) is None


@pytest.mark.parametrize("depth", [100, 1200, 5000, 100_000])
def test_nesting_of_any_depth(depth: int) -> None:
    for text in ("[" * depth, "[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        assert verified(sign(text, json.dumps(CLAIMS))) is None
        assert verified(sign(json.dumps(HEADER), text)) is None
