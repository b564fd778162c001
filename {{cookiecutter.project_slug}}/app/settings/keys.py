"""Keys derived from `SECRET_KEY` (HKDF), one per purpose, so that a token of one type is never valid as another."""

import base64
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from app.settings.config import Settings

# Order of the P-256 group. https://csrc.nist.gov/pubs/sp/800/186/final (3.2.1.3)
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class KeyRing:
    """The current secret key and previous ones, which only verify and decrypt."""

    def __init__(self, settings: Settings) -> None:
        self._secrets = [_bytes(settings.secret_key), *map(_bytes, settings.secret_key_fallbacks)]

    def derive(self, purpose: str) -> bytes:
        """Return the 32-byte key for a purpose. https://www.rfc-editor.org/rfc/rfc5869"""
        return _hkdf(self._secrets[0], purpose, 32)

    def derive_all(self, purpose: str) -> list[bytes]:
        """Return the keys for a purpose: the current one first, then those of previous secrets."""
        return [_hkdf(secret, purpose, 32) for secret in self._secrets]

    def digest(self, purpose: str, value: str) -> bytes:
        """Return the keyed hash (HMAC) under which a token is stored, so that a database dump contains no tokens."""
        return hmac.digest(self.derive(purpose), value.encode(), "sha256")

    def digests(self, purpose: str, value: str) -> list[bytes]:
        """Return the possible stored hashes of a token, including those from previous secrets."""
        return [hmac.digest(key, value.encode(), "sha256") for key in self.derive_all(purpose)]

    def encrypt(self, purpose: str, value: bytes) -> bytes:
        """Encrypt a value that must be readable again, but not from a database dump."""
        return self._cipher(purpose).encrypt(value)

    def decrypt(self, purpose: str, value: bytes) -> bytes:
        """Decrypt a value, also with previous secrets.

        Raises:
            cryptography.fernet.InvalidToken: encrypted with an unknown key, or modified.
        """
        return self._cipher(purpose).decrypt(value)

    def _cipher(self, purpose: str) -> MultiFernet:
        return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in self.derive_all(purpose)])

    def signing_keys(self) -> list[ec.EllipticCurvePrivateKey]:
        """Return the P-256 keys of access tokens; the first signs.

        48 bytes reduced modulo the order minus one are as good as random.
        https://csrc.nist.gov/pubs/fips/186-5/final (A.2.1)
        """
        scalars = [int.from_bytes(_hkdf(secret, "access-token", 48)) for secret in self._secrets]
        return [ec.derive_private_key(s % (_P256_ORDER - 1) + 1, ec.SECP256R1()) for s in scalars]


def _bytes(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode()


@lru_cache
def _hkdf(secret: bytes, purpose: str, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt=None, info=f"app:{purpose}".encode()).derive(secret)
