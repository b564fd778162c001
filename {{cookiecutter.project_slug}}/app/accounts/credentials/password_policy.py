"""Password policy: minimum length and strength, no composition rules (NIST SP 800-63B).

The only module that imports zxcvbn.
"""

import re
import threading

from app.accounts.credentials.authenticator import Authenticator
from app.accounts.credentials.passwords import normalize_password
from app.errors import InvalidRequest

_LEAST_SCORE = 3  # of 4: "safely unguessable". https://www.usenix.org/conference/usenixsecurity16 (Wheeler)

# What estimates takes time that grows with the length, and with the product of all readings of characters that
# look like letters: 72 of them took 11 s. A password that is easy to guess shows it within these bounds, which
# hold it to some 0.1 s.
_LOOKED_AT = 40
_READ_AS_LETTERS = 6

_one_at_a_time = threading.Lock()  # the library keeps the words of the person in a global


class PasswordTooShort(InvalidRequest):
    """The password has fewer characters than `AUTH_PASSWORD_MIN_LENGTH`."""

    title = "Password too short"


class PasswordTooCommon(InvalidRequest):
    """The password is easy to guess: common, repeated, a row of keys, or made of the address or the project's name."""

    title = "Password too common"


async def hash_new_password(authenticator: Authenticator, password: str, email: str) -> str:
    """Return what to store for a password that someone with this address has chosen.

    Call it while no transaction is open: it takes long.

    Raises:
        PasswordTooShort: with the least length.
        PasswordTooCommon: when it is easy to guess.
        PasswordTooLong: when it has more than 1,024 bytes.
        HasherOverloaded: when too many hash at this moment.
    """
    spelled = normalize_password(password).decode("utf-8", "surrogatepass")
    if len(spelled) < (shortest := authenticator.settings.password_min_length):
        raise PasswordTooShort(f"Use at least {shortest} characters.")
    words = _words_about(email, authenticator.project_name)
    if await authenticator.passwords.run_in_thread(lambda: _score(spelled, words)) < _LEAST_SCORE:
        raise PasswordTooCommon("This password is easy to guess. Use several unrelated words.")
    return await authenticator.passwords.hash(password)


def _words_about(email: str, project_name: str) -> list[str]:
    """List what a password of this person must not be made of."""
    local, _, domain = email.partition("@")
    texts = [local, domain, project_name]
    parts = [part for text in texts for part in re.split(r"[\W_]+", text) if len(part) > 1]
    return [email, *texts, *(re.sub(r"[\W_]", "", text) for text in texts), *parts]


def _score(password: str, words: list[str]) -> int:
    # Not at the top: what it knows takes 13 MB, and only somebody who chooses a password needs it.
    from zxcvbn import zxcvbn  # noqa: PLC0415
    from zxcvbn.matching import L33T_TABLE  # noqa: PLC0415

    look_alikes = frozenset(character for characters in L33T_TABLE.values() for character in characters)
    with _one_at_a_time:
        score: int = zxcvbn(_bounded(password, look_alikes), user_inputs=words)["score"]
    return score


def _bounded(password: str, look_alikes: frozenset[str]) -> str:
    """Return the beginning; of the characters that look like letters, all but some are put out of sight."""
    beginning = password[:_LOOKED_AT]
    alike = [character for character in dict.fromkeys(beginning) if character in look_alikes]
    return beginning.translate({ord(character): ord(character) + 0x2000 for character in alike[_READ_AS_LETTERS:]})
