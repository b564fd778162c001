"""Types of files: detected from the first bytes, never from the `Content-Type` that a client sends."""

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

from app.files.names import extension_of

HEAD_BYTES = 4096
"""How many of the first bytes are looked at."""

IMAGES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
# Office files are ZIP archives. The first member is one of these.
_OFFICE_START = rb"PK\x03\x04.{26}(?:\[Content_Types\]\.xml|_rels/|docProps/|word/|xl/|ppt/)"


class FileType(NamedTuple):
    """A type that can be detected."""

    media_type: str
    extensions: tuple[str, ...]
    signature: bytes
    """Regular expression at the start of the bytes; empty for text."""
    by_name: bool = False
    """Whether other types start the same, so that the name's extension decides."""


# Never HTML, SVG or XML: they can have scripts. https://www.iana.org/assignments/media-types
_TYPES = (
    FileType("image/jpeg", ("jpg", "jpeg"), rb"\xff\xd8\xff"),
    FileType("image/png", ("png",), rb"\x89PNG\r\n\x1a\n"),
    FileType("image/gif", ("gif",), rb"GIF8[79]a"),
    FileType("image/webp", ("webp",), rb"RIFF....WEBP"),
    FileType("application/pdf", ("pdf",), rb"%PDF-"),
    FileType("audio/mpeg", ("mp3",), rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"),
    FileType("audio/ogg", ("ogg", "oga", "opus"), rb"OggS"),
    FileType("audio/wav", ("wav",), rb"RIFF....WAVE"),
    FileType("audio/mp4", ("m4a",), rb"....ftypM4A"),
    FileType("video/mp4", ("mp4", "m4v"), rb"....ftyp(?:iso|mp4|avc|dash|M4V)"),
    FileType("video/webm", ("webm",), rb"\x1aE\xdf\xa3.{0,60}webm"),
    FileType(f"{_OPEN}text", ("odt",), rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis\.opendocument\.textPK"),
    FileType(
        f"{_OPEN}spreadsheet",
        ("ods",),
        rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis\.opendocument\.spreadsheetPK",
    ),
    FileType(f"{_OFFICE}wordprocessingml.document", ("docx",), _OFFICE_START, by_name=True),
    FileType(f"{_OFFICE}spreadsheetml.sheet", ("xlsx",), _OFFICE_START, by_name=True),
    FileType(f"{_OFFICE}presentationml.presentation", ("pptx",), _OFFICE_START, by_name=True),
    FileType("application/zip", ("zip",), rb"PK(?:\x03\x04|\x05\x06)"),
    FileType("text/csv", ("csv",), b"", by_name=True),
    FileType("text/plain", ("txt", "md", "log"), b""),
)
_BY_TYPE = {known.media_type: known for known in _TYPES}
_BY_EXTENSION = {extension: known.media_type for known in _TYPES for extension in known.extensions}
KNOWN_EXTENSIONS = tuple(sorted(_BY_EXTENSION))


def types_of(*extensions: str) -> frozenset[str]:
    """Return the media types of file extensions, such as `types_of("pdf", "docx")`.

    Raises:
        ValueError: an extension is unknown; lists the known ones.
    """
    if unknown := [extension for extension in extensions if extension not in _BY_EXTENSION]:
        message = f"unknown file type {unknown[0]!r}: use {', '.join(KNOWN_EXTENSIONS)}"
        raise ValueError(message)
    return frozenset(_BY_EXTENSION[extension] for extension in extensions)


def extensions_of(media_type: str) -> tuple[str, ...]:
    """Return the file extensions of a media type, the usual one first."""
    return _BY_TYPE[media_type].extensions


def detect_type(head: bytes, name: str | None) -> str | None:
    """Return the media type of a file by its first bytes, or None if it is unknown.

    The name decides only between types that start the same: DOCX, XLSX and PPTX, and texts.
    """
    extension = extension_of(name)
    matching = [known for known in _matching(head) if not known.by_name or extension in known.extensions]
    return matching[0].media_type if matching else None


def _matching(head: bytes) -> Iterator[FileType]:
    is_text = _is_text(head)
    for known in _TYPES:
        if re.match(known.signature, head, re.DOTALL) if known.signature else is_text:
            yield known


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be incomplete
    except UnicodeDecodeError:
        return False
    return bool(text) and not re.search(r"[\x00-\x08\x0e-\x1f\x7f]", text)
