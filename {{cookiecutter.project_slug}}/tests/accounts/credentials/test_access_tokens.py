"""Access tokens over HTTP: issued tokens are accepted; everything else gets 401."""

import base64
import hashlib
import hmac
import json
import string
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from starlette.testclient import TestClient

from app.accounts.models import User
from app.settings.config import Settings
from app.settings.keys import KeyRing
from tests.support import log_in, problem_of, with_token

pytestmark = pytest.mark.any_database

ME = "/api/v1/users/me"

Claims = dict[str, Any]


class Forger:
    """Signs arbitrary headers and claims with the real key: the strongest possible attacker."""

    def __init__(self, client: TestClient, settings: Settings, token: str) -> None:
        self.token = token
        [self.key] = KeyRing(settings).signing_keys()
        [self.jwk] = client.get("/.well-known/jwks.json").json()["keys"]
        header, payload, _ = token.split(".")
        self.header: Claims = json.loads(decode(header))
        self.claims: Claims = json.loads(decode(payload))

    def sign(self, header: Any = None, claims: Any = None, *, key: ec.EllipticCurvePrivateKey | None = None) -> str:
        """Sign with ES256. A `str` is used as is, for JSON that no encoder produces."""
        signed = f"{encode(as_json(header or self.header))}.{encode(as_json(claims or self.claims))}"
        r, s = decode_dss_signature((key or self.key).sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{encode(r.to_bytes(32) + s.to_bytes(32))}"

    def with_header(self, **changes: Any) -> str:
        """Sign Ada's claims with a changed header."""
        return self.sign({**self.header, **changes})

    def with_claims(self, **changes: Any) -> str:
        """Sign changed claims."""
        return self.sign(claims={**self.claims, **changes})

    def sign_hs256(self, secret: bytes, **header: Any) -> str:
        """Sign Ada's claims with a shared secret."""
        signed = f"{encode(as_json({**self.header, 'alg': 'HS256', **header}))}.{encode(as_json(self.claims))}"
        return f"{signed}.{encode(hmac.digest(secret, signed.encode(), 'sha256'))}"


def as_json(value: Any) -> bytes:
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "==")


@pytest.fixture
def forger(client: TestClient, settings: Settings, ada: User) -> Forger:
    return Forger(client, settings, log_in(client, ada.email)["access_token"])


def status(client: TestClient, token: str | bytes) -> int:
    """Call a protected route with this token and return the status."""
    header = b"Bearer " + (token if isinstance(token, bytes) else token.encode())
    return client.get(ME, headers={b"Authorization": header}).status_code


def not_rejected(client: TestClient, tokens: Mapping[Any, str | bytes]) -> dict[Any, int]:
    """Return the tokens that weren't rejected with 401 (or 431, if too long for a header)."""
    assert tokens
    responses = {name: status(client, token) for name, token in tokens.items()}
    return {name: response for name, response in responses.items() if response not in {401, 431}}


def test_issued_token_has_the_claims_of_rfc_9068(forger: Forger, ada: User) -> None:
    assert forger.header == {"alg": "ES256", "typ": "at+jwt", "kid": forger.jwk["kid"]}
    assert forger.claims.keys() == {"iss", "aud", "sub", "sid", "jti", "iat", "exp", "auth_time"}
    assert forger.claims["iss"] == "http://127.0.0.1:8000"
    assert forger.claims["aud"] == "http://127.0.0.1:8000/api"
    assert forger.claims["sub"] == str(ada.id)
    assert forger.claims["exp"] - forger.claims["iat"] == 600


def test_correctly_signed_token_is_accepted(client: TestClient, forger: Forger) -> None:
    """Otherwise the rejections below would be meaningless."""
    assert status(client, forger.token) == 200
    assert status(client, forger.sign()) == 200
    assert status(client, forger.with_claims(extra="claims that we do not know are ignored")) == 200


@pytest.mark.parametrize("signature", ["left-out", "real"])
def test_other_algorithm_is_rejected(client: TestClient, forger: Forger, signature: str) -> None:
    """Behaviour 40."""
    names: list[Any] = ["none", "None", "NONE", "nOnE", "HS256", "RS256", "ES384", "es256", "", None, ["ES256"], 1, {}]
    tokens = {str(name): forger.with_header(alg=name) for name in names}
    if signature == "left-out":
        tokens = {name: token.rpartition(".")[0] + "." for name, token in tokens.items()}

    assert not_rejected(client, tokens) == {}


def test_hs256_with_any_form_of_the_public_key_is_rejected(client: TestClient, forger: Forger) -> None:
    """Behaviour 41."""
    public = forger.key.public_key()
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    forms = {
        "pem": public.public_bytes(serialization.Encoding.PEM, info),
        "der": public.public_bytes(serialization.Encoding.DER, info),
        "jwk": as_json(forger.jwk),
        "point": public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint),
        "nothing": b"",
    }

    assert not_rejected(client, {name: forger.sign_hs256(form) for name, form in forms.items()}) == {}
    assert not_rejected(client, {name: forger.sign_hs256(form, alg="ES256") for name, form in forms.items()}) == {}


def test_unknown_kid_is_rejected(client: TestClient, forger: Forger) -> None:
    """Behaviour 42."""
    right: str = forger.header["kid"]
    kids: list[Any] = [None, "", "unknown", "../../dev/null", [right], {"k": right}, 0, f"{right} ", right.swapcase()]

    assert not_rejected(client, {str(kid): forger.with_header(kid=kid) for kid in kids}) == {}


def test_other_typ_is_rejected(client: TestClient, forger: Forger) -> None:
    """Behaviour 47."""
    kinds = ["JWT", "jwt", "rt+jwt", "AT+JWT", "application/at+jwt", "", None]

    assert not_rejected(client, {kind: forger.with_header(typ=kind) for kind in kinds}) == {}


def test_header_with_missing_members_is_rejected(client: TestClient, forger: Forger) -> None:
    """Behaviour 42."""
    headers = {name: {**forger.header} for name in forger.header}
    for name, header in headers.items():
        del header[name]

    assert not_rejected(client, {name: forger.sign(header) for name, header in headers.items()}) == {}


def test_header_with_extra_members_is_rejected(client: TestClient, forger: Forger) -> None:
    """Behaviour 48."""
    extras: list[Claims] = [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["AAAA"]},
        {"cty": "JWT"},
        {"zip": "DEF"},
    ]

    assert not_rejected(client, {str(extra): forger.with_header(**extra) for extra in extras}) == {}


def test_embedded_key_is_not_used(client: TestClient, forger: Forger) -> None:
    """Behaviour 48."""
    own = ec.generate_private_key(ec.SECP256R1())
    numbers = own.public_key().public_numbers()
    jwk = {**forger.jwk, "x": encode(numbers.x.to_bytes(32)), "y": encode(numbers.y.to_bytes(32))}
    tokens = {
        "alone": forger.sign(key=own),
        "with-its-jwk": forger.sign({**forger.header, "jwk": jwk}, key=own),
        "with-the-jwk-as-kid": forger.sign({**forger.header, "kid": jwk}, key=own),
    }

    assert not_rejected(client, tokens) == {}


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "sid", "jti", "iat", "exp", "auth_time"])
def test_claim_of_wrong_type_is_rejected(client: TestClient, forger: Forger, claim: str) -> None:
    """Behaviours 44, 45, 46."""
    right = forger.claims[claim]
    tokens = {str(value): forger.with_claims(**{claim: value}) for value in (None, [right], {"a": right}, True)}
    without = {name: value for name, value in forger.claims.items() if name != claim}

    assert not_rejected(client, {**tokens, "missing": forger.sign(claims=without)}) == {}


def test_claims_of_another_user_or_issuer_are_rejected(client: TestClient, forger: Forger, bob: User) -> None:
    """Behaviour 46."""
    changes = [
        {"iss": "http://evil.example"},
        {"iss": "http://127.0.0.1:8000/"},
        {"aud": "http://evil.example/api"},
        {"aud": "http://127.0.0.1:8000"},
        {"sub": "ada@example.com"},
        {"sub": str(bob.id)},
        {"sub": str(uuid4())},
        {"sid": "1"},
        {"sid": str(uuid4())},
    ]

    assert not_rejected(client, {str(change): forger.with_claims(**change) for change in changes}) == {}


def test_invalid_times_are_rejected(client: TestClient, forger: Forger) -> None:
    """Behaviours 43, 45, 58."""
    times = {
        "lives too long": (0, 601),
        "lives for ever": (0, 10**9),
        "has no life": (0, 0),
        "of the future": (300, 800),
        "over": (-700, -100),
        "over now": (-600, 0),
        "ends before it begins": (4, 2),
    }
    now = int(time.time())
    tokens = {name: forger.with_claims(iat=now + begin, exp=now + end) for name, (begin, end) in times.items()}

    assert not_rejected(client, tokens) == {}


@pytest.mark.parametrize("claim", ["exp", "iat", "auth_time"])
def test_times_must_be_integers(client: TestClient, forger: Forger, claim: str) -> None:
    """Behaviours 45, 50."""
    whole = forger.claims[claim]
    numbers = [f"{whole}.0", f"{whole}.5", f'"{whole}"', "1e400", "Infinity", "-Infinity", "NaN", "9" * 3000]
    written = json.dumps({**forger.claims, claim: "HERE"})
    tokens = {number: forger.sign(claims=written.replace('"HERE"', number)) for number in numbers}
    if claim == "auth_time":
        del tokens["9" * 3000]  # an integer, which is only compared

    assert not_rejected(client, tokens) == {}


def test_small_clock_skew_is_tolerated(client: TestClient, forger: Forger) -> None:
    """Behaviour 58."""
    now = int(time.time())

    assert status(client, forger.with_claims(iat=now + 3, exp=now + 300)) == 200


def test_token_has_one_encoding(client: TestClient, forger: Forger) -> None:
    """Behaviour 49."""
    token = forger.token
    variants = [token[:-1] + letter for letter in string.ascii_letters + string.digits + "-_" if letter != token[-1]]
    variants += [token + "=", token + "==", token + ".", "." + token, token + ".x", token[:-1], token.upper()]
    variants += [token.replace(".", "="), token.replace(".", "=."), token + "é", f'"{token}"', token * 2]
    variants += [token.replace(".", "\n.", 1), token + "~", "*" + token]
    variants += [token.replace("eyJ", "eyJ ", 1), token.replace("-", "+").replace("_", "/") + "+"]

    assert not_rejected(client, {variant: variant for variant in variants}) == {}


def test_malformed_token_is_rejected(client: TestClient) -> None:
    """Behaviour 50."""
    tokens: dict[str, str | bytes] = {
        "empty": "",
        "word": "x",
        "short parts": "a.b.c",
        "empty parts": "..",
        "huge": "x" * 60_000,
        "encrypted": "aa.bb.cc.dd.ee",
        "not ASCII": b"\xff\xfe",
        "refresh token": "rt_" + "A" * 43,
    }

    assert not_rejected(client, tokens) == {}


def test_other_json_is_rejected(client: TestClient, forger: Forger) -> None:
    texts = ["[]", "null", "1", '"x"', "{", "{}", '{"exp": 1, "exp": 2}', '"\\ud800"', "[" * 300 + "]" * 300]

    assert not_rejected(client, {text: forger.sign(claims=text) for text in texts}) == {}
    assert not_rejected(client, {text: forger.sign(text) for text in texts}) == {}


@pytest.mark.parametrize("depth", [1200, 12_000])
def test_deep_nesting_is_rejected(client: TestClient, forger: Forger, depth: int) -> None:
    """Behaviour 50."""
    deep = "[" * depth + "]" * depth

    assert not_rejected(client, {"header": forger.sign(deep), "claims": forger.sign(claims=deep)}) == {}


def test_error_reveals_only_that_the_token_is_invalid(client: TestClient, forger: Forger) -> None:
    """Behaviours 39, 43, 59."""
    now = int(time.time())
    expired = {**forger.claims, "iat": now - 700, "exp": now - 100}

    none = client.get(ME)
    wrong = with_token(client, forger.sign(claims={**forger.claims, "iss": "x"})).get(ME)
    old = with_token(client, forger.sign(claims=expired)).get(ME)

    assert [response.status_code for response in (none, wrong, old)] == [401] * 3
    assert none.headers["WWW-Authenticate"] == "Bearer"
    assert wrong.headers["WWW-Authenticate"] == old.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert [problem_of(response)["type"].rpartition(":")[2] for response in (none, wrong, old)] == [
        "Unauthorized",
        "InvalidToken",
        "ExpiredToken",
    ]
    assert ["detail" in problem_of(response) for response in (none, wrong, old)] == [False] * 3


def test_token_is_accepted_only_in_the_authorization_header(client: TestClient, forger: Forger) -> None:
    """Behaviour 51."""
    token = forger.token

    in_the_url = client.get(ME, params={"access_token": token})
    assert (in_the_url.status_code, token in in_the_url.text) == (422, False)
    assert client.get(ME, headers={"Cookie": f"access_token={token}; session={token}"}).status_code == 401
    assert client.get(ME, headers={"Authorization": f"Basic {token}"}).status_code == 401
    assert client.get(ME, headers={"Authorization": token}).status_code == 401
    assert client.request("GET", ME, json={"access_token": token}).status_code == 401
    assert client.request("GET", ME, data={"access_token": token}).status_code == 401


def test_published_keys_are_public_and_identified_by_thumbprint(client: TestClient, forger: Forger) -> None:
    """Behaviour 56."""
    response = client.get("/.well-known/jwks.json")

    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert forger.jwk.keys() == {"kty", "crv", "x", "y", "alg", "use", "kid"}
    members = json.dumps({name: forger.jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    assert forger.jwk["kid"] == encode(hashlib.sha256(members.encode()).digest())
    assert (forger.jwk["alg"], forger.jwk["use"]) == ("ES256", "sig")


def test_published_key_verifies_a_new_token(forger: Forger) -> None:
    """Behaviour 56."""
    x, y = (int.from_bytes(decode(forger.jwk[name])) for name in ("x", "y"))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    signed, _, signature = forger.token.rpartition(".")
    r, s = (int.from_bytes(half) for half in (decode(signature)[:32], decode(signature)[32:]))

    public.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))

    with pytest.raises(InvalidSignature):
        public.verify(encode_dss_signature(r, s), signed[:-1].encode(), ec.ECDSA(hashes.SHA256()))


def test_previous_key_verifies_until_it_is_removed(
    start_app: Callable[..., TestClient], client: TestClient, ada: User
) -> None:
    """Behaviour 57."""
    old = log_in(client, ada.email)["access_token"]
    new_key, old_key = "the new secret key: " + "n" * 20, client.app_state["settings"].secret_key.get_secret_value()

    rotated = start_app(secret_key=new_key, secret_key_fallbacks=old_key)
    removed = start_app(secret_key=new_key)

    new = log_in(rotated, ada.email)["access_token"]
    assert json.loads(decode(old.split(".")[0]))["kid"] != json.loads(decode(new.split(".")[0]))["kid"]
    assert len(rotated.get("/.well-known/jwks.json").json()["keys"]) == 2
    assert [status(rotated, token) for token in (old, new)] == [200, 200]
    assert [status(removed, token) for token in (old, new)] == [401, 200]


def test_expired_token_is_rejected(client: TestClient, as_ada: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert as_ada.get(ME).status_code == 200
    later = time.time() + client.app_state["settings"].auth.access_token_ttl.total_seconds() + 1
    monkeypatch.setattr(time, "time", lambda: later)

    rejected = as_ada.get(ME)

    assert problem_of(rejected)["type"] == "urn:problem:ExpiredToken"
