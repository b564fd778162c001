"""What accounts need for as long as the process lives: keys, access tokens and the password hasher."""

from dataclasses import dataclass

from app.accounts.keys import KeyRing
from app.accounts.passwords import PasswordHasher
from app.accounts.tokens import AccessTokens
from app.settings import AuthSettings, Settings


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Made once, by `build_authenticator`, and passed to the functions of this package."""

    settings: AuthSettings
    keys: KeyRing
    tokens: AccessTokens
    passwords: PasswordHasher


def build_authenticator(settings: Settings) -> Authenticator:
    """Derive the keys and measure out the password hasher."""
    keys = KeyRing(settings)
    return Authenticator(settings.auth, keys, AccessTokens(settings, keys), PasswordHasher(settings.auth))
