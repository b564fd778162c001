"""Names of files, as clients send them."""

import unicodedata
from collections.abc import Sequence

MAX_NAME_LENGTH = 255
_MAX_INPUT = 4096
_MAX_EXTENSION = 20
# Control, format (such as bidirectional marks), surrogate, private and unassigned characters, line separators.
_FORBIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean_name(name: str | None, extensions: Sequence[str]) -> str:
    """Return the last part of a path without characters that deceive, with one of the extensions (the first one).

    A name such as `photo.html` with the bytes of an image would be opened as a page after its download.
    """
    last = (name or "")[-_MAX_INPUT:].replace("\\", "/").rpartition("/")[2]
    allowed = "".join(char for char in last if unicodedata.category(char) not in _FORBIDDEN and char not in '<>:"|?*')
    text = unicodedata.normalize("NFC", " ".join(allowed.split())).strip(". ") or "file"
    stem, extension = _split(text)
    if extension.lower() not in extensions:
        stem, extension = text, extensions[0]
    return f"{stem[: MAX_NAME_LENGTH - len(extension) - 1].rstrip('. ')}.{extension}"


def extension_of(name: str | None) -> str:
    """Return the extension of a name in lowercase, without the dot."""
    return _split((name or "").strip(". "))[1].lower()


def _split(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    return (stem, extension) if dot and stem and len(extension) <= _MAX_EXTENSION else (name, "")
