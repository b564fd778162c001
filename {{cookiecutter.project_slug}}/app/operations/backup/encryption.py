"""Encryption in the format of age, which the command `age` decrypts too. https://age-encryption.org/v1

A server that takes backups knows only the public keys, so old backups can't be decrypted with what is on its disk.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from shutil import copyfileobj
from typing import Any, cast

from app.operations.backup.archive import CHUNK_BYTES, BackupFailed, ChunkReader

_START = b"age-encryption.org/"


def encrypt(source: ChunkReader, target: Any, recipients: Sequence[str]) -> None:  # noqa: ANN401 - has `write`
    """Copy from source to target; encrypt, if there are public keys.

    Raises:
        BackupFailed: a public key is invalid.
    """
    if not recipients:
        copyfileobj(source, target, CHUNK_BYTES)
        return
    import pyrage  # noqa: PLC0415 - only where backups are encrypted

    try:
        keys = [pyrage.x25519.Recipient.from_str(key) for key in recipients]
    except pyrage.RecipientError as error:
        raise BackupFailed("BACKUP_RECIPIENTS: use public keys such as age1…, as `app backup-key` prints.") from error
    try:
        pyrage.encrypt_io(cast(Any, source), target, keys)
    except Exception as error:
        raise source.error or error from error


def is_encrypted(path: Path) -> bool:
    """Return whether a file is encrypted."""
    with path.open("rb") as file:
        return file.read(len(_START)) == _START


def decrypt(source: Path, target: Path, identity: Path | None) -> None:
    """Copy from source to target, decrypted with the secret key in a file.

    Raises:
        BackupFailed: it isn't the key, or the backup is damaged.
    """
    import pyrage  # noqa: PLC0415 - only where backups are encrypted

    if identity is None:
        raise BackupFailed("The backup is encrypted: name the file of the secret key with --identity FILE.")
    lines = identity.read_text(encoding="utf-8", errors="replace").splitlines()
    try:
        keys = [pyrage.x25519.Identity.from_str(line) for line in lines if line.strip() and line[0] != "#"]
        pyrage.decrypt_file(str(source), str(target), keys)
    except pyrage.IdentityError as error:
        raise BackupFailed(f"{identity} has no secret key: expected a line AGE-SECRET-KEY-1….") from error
    except pyrage.DecryptError as error:
        known = "No matching keys" in str(error)
        raise BackupFailed(
            f"The backup is encrypted for another key than the one in {identity}."
            if known
            else "The backup is damaged."
        ) from error
    except OSError as error:
        if error.errno:
            raise
        raise BackupFailed("The backup is damaged, or not whole.") from error


def write_identity(path: Path) -> str:
    """Write a new secret key to a file that doesn't exist yet, and return its public key."""
    import pyrage  # noqa: PLC0415 - only where backups are encrypted

    identity = pyrage.x25519.Identity.generate()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(f"# public key: {identity.to_public()}\n{identity}\n")
    return str(identity.to_public())
