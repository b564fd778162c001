"""Access tokens: JWTs (RFC 9068) signed with ES256. The only module that imports a JWT library (python-jose).

The library verifies only the signature and the registered claims; all other checks are made here.
"""

import base64
import hashlib
import json
import re
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from jose import jwk, jwt
from jose.backends.cryptography_backend import CryptographyECKey
from uuid_utils.compat import uuid7

from app.settings.config import Settings
from app.settings.keys import KeyRing

ALGORITHM = "ES256"
TYPE = "at+jwt"
_MAX_LENGTH = 4096
_MAX_SKEW_SECONDS = 5
_CACHE_SIZE = 4096
_HEADER_MEMBERS = {"alg", "kid", "typ"}  # so no crit, b64, jwk, jku, x5u
_SHAPE = re.compile(r"[A-Za-z0-9_-]{2,512}\.[A-Za-z0-9_-]{2,3072}\.[A-Za-z0-9_-]{2,700}")
# Without exp: the library reports expired and invalid tokens alike, and callers need to distinguish them.
_OPTIONS = {f"require_{claim}": True for claim in ("iat", "sub", "jti", "aud", "iss")}


class TokenError(Exception):
    """The token is invalid."""


class TokenExpired(TokenError):
    """The token has expired."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Claims of an access token; times are Unix timestamps."""

    subject: UUID
    session_id: UUID
    issued_at: int
    expires_at: int
    authenticated_at: int


class AccessTokens:
    """Issue and verify access tokens."""

    def __init__(self, settings: Settings, keys: KeyRing) -> None:
        self.issuer = str(settings.base_url).rstrip("/")
        self.audience = f"{self.issuer}/api"
        self.ttl = settings.auth.access_token_ttl
        pairs = [(_jwk(key.public_key()), key) for key in keys.signing_keys()]
        self._public = {public["kid"]: _prepare(public) for public, _ in pairs}
        self._jwks = {"keys": [public for public, _ in pairs]}
        first, private = pairs[0]
        self._kid = first["kid"]
        self._private = CryptographyECKey(private, ALGORITHM)
        # Verifying a signature costs as much as a query. Expiry and session are checked on each request; errors are
        # not cached.
        self._read_cached = lru_cache(_CACHE_SIZE)(self._read)

    def issue(self, subject: UUID, session_id: UUID, authenticated_at: int) -> str:
        """Return a token for a session."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(subject),
            "sid": str(session_id),
            "jti": str(uuid7()),
            "iat": now,
            "exp": now + int(self.ttl / timedelta(seconds=1)),
            "auth_time": authenticated_at,
        }
        headers = {"kid": self._kid, "typ": TYPE}
        return jwt.encode(claims, self._private, algorithm=ALGORITHM, headers=headers)

    def verify(self, token: str) -> Claims:
        """Return the claims of a valid token.

        Raises:
            TokenExpired: when the token has expired.
            TokenError: when it is invalid.
        """
        try:
            return self._verify(token)
        except TokenError:
            raise
        except Exception as error:  # the library also raises RecursionError, OverflowError, UnicodeError …
            message = "not an access token of this project"
            raise TokenError(message) from error

    def jwks(self) -> dict[str, Any]:
        """Return the public keys as a JWK set. https://www.rfc-editor.org/rfc/rfc7517"""
        return self._jwks

    def _verify(self, token: str) -> Claims:
        claims = self._read_cached(token)
        now = time.time()
        if claims.issued_at > now + _MAX_SKEW_SECONDS:
            raise TokenError("issued in the future")
        if claims.expires_at <= now:
            raise TokenExpired
        return claims

    def _read(self, token: str) -> Claims:
        """Verify everything but the expiry."""
        key = self._key_of(token)
        options = _OPTIONS | {"verify_exp": False, "leeway": 0}
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=self.audience,
            issuer=self.issuer,
            options=options,
        )
        times = [claims["iat"], claims["exp"], claims["auth_time"]]
        if any(type(value) is not int for value in times):
            raise TokenError("times")
        if claims["aud"] != self.audience or claims["iss"] != self.issuer or type(claims["jti"]) is not str:
            raise TokenError("claims")
        issued_at, expires_at, authenticated_at = times
        if not 0 < expires_at - issued_at <= self.ttl.total_seconds():
            raise TokenError("lifetime")
        return Claims(UUID(claims["sub"]), UUID(claims["sid"]), issued_at, expires_at, authenticated_at)

    def _key_of(self, token: str) -> CryptographyECKey:
        """Check the header and return the key for the signature."""
        if not isinstance(token, str) or len(token) > _MAX_LENGTH or not _SHAPE.fullmatch(token):
            raise TokenError("shape")
        header_bytes, _, _ = [_decode(segment) for segment in token.split(".")]
        header = json.loads(header_bytes)
        if type(header) is not dict or set(header) != _HEADER_MEMBERS:
            raise TokenError("header")
        if header["alg"] != ALGORITHM or header["typ"] != TYPE or type(header["kid"]) is not str:
            raise TokenError("header")
        return self._public[header["kid"]]


def _decode(segment: str) -> bytes:
    """Decode base64url strictly; a lenient decoder would accept several encodings of the same token."""
    raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if _encode(raw) != segment:
        raise TokenError("encoding")
    return raw


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _jwk(public: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """Return a public key as a JWK, with its thumbprint as key ID. https://www.rfc-editor.org/rfc/rfc7638"""
    numbers = public.public_numbers()
    members = {
        "crv": "P-256",
        "kty": "EC",
        "x": _encode(numbers.x.to_bytes(32)),
        "y": _encode(numbers.y.to_bytes(32)),
    }
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    kid = _encode(hashlib.sha256(canonical).digest())
    return {**members, "alg": ALGORITHM, "use": "sig", "kid": kid}


def _prepare(public: dict[str, str]) -> CryptographyECKey:
    key = jwk.construct(public, ALGORITHM)
    if type(key) is not CryptographyECKey:
        message = "python-jose needs its cryptography backend: install python-jose[cryptography]"
        raise RuntimeError(message)
    return key
