"""Errors of jobs."""

import re

MAX_ERROR_CHARACTERS = 500

_PRIVATE = re.compile(r"https?://\S+|[^\s<>()]+@[^\s<>()]+")


class JobFailed(Exception):
    """Raised by a job that can't succeed: it fails at once, without another attempt."""


class WorkerDied(JobFailed):
    """The worker stopped in each attempt."""

    def __str__(self) -> str:
        return "The worker stopped in each attempt, perhaps because of this job."


class UnknownKey(Exception):
    """No current secret key decrypts the arguments. The job is retried: perhaps a key is missing by mistake."""


class JobTimeout(Exception):
    """An attempt took too long."""


class JobInterrupted(Exception):
    """The worker is stopping: the job goes on elsewhere, from its cursor."""


class ClaimLost(Exception):
    """The job was canceled, or another worker has claimed it: what this one does can't be committed."""


class NoKeys(RuntimeError):
    """The arguments of a job are encrypted, but the database was opened without keys."""


def describe_error(error: Exception, secrets: tuple[str, ...] = ()) -> str:
    """Describe an error without the addresses and links that it may contain, nor these secrets."""
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    for secret in secrets:
        text = text.replace(secret, "…")
    storable = text.encode(errors="replace").decode().replace("\0", "…")
    return without_addresses(storable)[:MAX_ERROR_CHARACTERS]


def without_addresses(text: str) -> str:
    """Replace email addresses and links, which may contain tokens."""
    return _PRIVATE.sub("…", text)
