"""Password policy: minimum length and strength, no composition rules (NIST SP 800-63B).

The only module that imports zxcvbn. Its scores: https://www.usenix.org/conference/usenixsecurity16 (Wheeler)
"""

import re
import threading

from app.accounts.credentials.authenticator import Authenticator
from app.accounts.credentials.passwords import normalize_password
from app.errors import InvalidRequest
from app.i18n import gettext

# The estimate takes longer for longer passwords, and each look-alike character ("4" for "a") multiplies the time: with
# 72 of them it took 11 s. These bounds keep it at about 0.1 s, and weak passwords are still recognized.
_MAX_LENGTH = 40
_MAX_LOOK_ALIKES = 6

_lock = threading.Lock()  # the library keeps user_inputs in a global


class PasswordTooShort(InvalidRequest):
    """The password has fewer characters than `AUTH_PASSWORD_MIN_LENGTH`."""

    title = "Password too short"


class PasswordTooCommon(InvalidRequest):
    """The password is easy to guess: common, repetitive, a keyboard pattern, or based on the email or project name."""

    title = "Password too common"


async def hash_new_password(authenticator: Authenticator, password: str, email: str) -> str:
    """Check a new password for the user with this email address, and return its hash.

    Call it outside a transaction: it is slow.

    Raises:
        PasswordTooShort: the error states the minimum length.
        PasswordTooCommon: when it is easy to guess.
        PasswordTooLong: when it has more than 1,024 bytes.
        HasherOverloaded: when too many hashes are in progress.
    """
    normalized = normalize_password(password).decode("utf-8", "surrogatepass")
    if len(normalized) < (min_length := authenticator.settings.password_min_length):
        raise PasswordTooShort(gettext("Use at least %(min_length)s characters.", min_length=min_length))
    user_inputs = _user_inputs(email, authenticator.project_name)
    score = await authenticator.passwords.run_in_thread(lambda: _score(normalized, user_inputs))
    if score < authenticator.settings.password_min_score:
        raise PasswordTooCommon(gettext("This password is easy to guess. Use several unrelated words."))
    return await authenticator.passwords.hash(password)


def _user_inputs(email: str, project_name: str) -> list[str]:
    """Return the words that the user's password must not be based on."""
    local, _, domain = email.partition("@")
    texts = [local, domain, project_name]
    parts = [part for text in texts for part in re.split(r"[\W_]+", text) if len(part) > 1]
    return [email, *texts, *(re.sub(r"[\W_]", "", text) for text in texts), *parts]


def _score(password: str, user_inputs: list[str]) -> int:
    # Imported on first use: its dictionaries take 13 MB, and are needed only when a password is chosen.
    from zxcvbn import zxcvbn  # noqa: PLC0415
    from zxcvbn.matching import L33T_TABLE  # noqa: PLC0415

    look_alikes = frozenset(character for characters in L33T_TABLE.values() for character in characters)
    with _lock:
        score: int = zxcvbn(_truncate(password, look_alikes), user_inputs=user_inputs)["score"]
    return score


def _truncate(password: str, look_alikes: frozenset[str]) -> str:
    """Return the beginning of the password, with at most `_MAX_LOOK_ALIKES` different look-alikes."""
    beginning = password[:_MAX_LENGTH]
    alike = [character for character in dict.fromkeys(beginning) if character in look_alikes]
    return beginning.translate({ord(character): ord(character) + 0x2000 for character in alike[_MAX_LOOK_ALIKES:]})
