"""Files and images: a route of their own uploads them."""

import re
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from scaffold.field_spec import FieldSpec
from scaffold.field_types.base import FieldType, Samples, number, quoted

_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
_SIZE = re.compile(rf"([1-9]\d{{0,3}})({'|'.join(_UNITS)})")
_DOCUMENTS = "pdf,docx,xlsx,odt,ods,csv,txt"
_OFFICE = b"PK\x03\x04" + bytes(26)
_OPEN = _OFFICE + b"mimetypeapplication/vnd.oasis.opendocument."
_MP4 = bytes(4) + b"ftyp"
_SAMPLES = {
    **dict.fromkeys(("csv", "log", "md", "txt"), b"text"),
    **dict.fromkeys(("docx", "pptx", "xlsx"), _OFFICE + b"word/"),
    **dict.fromkeys(("oga", "ogg", "opus"), b"OggS"),
    "m4a": _MP4 + b"M4A",
    "m4v": _MP4 + b"M4V",
    "mp3": b"ID3",
    "mp4": _MP4 + b"isom",
    "ods": _OPEN + b"spreadsheetPK",
    "odt": _OPEN + b"textPK",
    "pdf": b"%PDF-1.7",
    "wav": b"RIFF" + bytes(4) + b"WAVE",
    "webm": b"\x1aE\xdf\xa3webm",
    "zip": b"PK\x05\x06" + bytes(18),
}
"""How files of each type start."""


class File(FieldType):
    """A file: a document, or of the given types. Base class of `image`."""

    python = "UUID"
    column = 'ForeignKey(File.id, ondelete="SET NULL")'
    modifiers = "max types"
    sorts = False
    default_max = "20MB"

    def rules_of(self, field: FieldSpec) -> str:
        """Return the limits as a Python expression."""
        types = ", ".join(map(quoted, self.types_of(field)))
        return f"FileRules(max_bytes={self.max_bytes_of(field)}, types=types_of({types}))"

    def types_of(self, field: FieldSpec) -> list[str]:
        """Return the accepted types, as file extensions."""
        return (field.types or _DOCUMENTS).split(",")

    def upload_of(self, field: FieldSpec) -> str:
        name = self.types_of(field)[0]
        return f'("some.{name}", {_SAMPLES[name]!r})'

    def accept_of(self, field: FieldSpec) -> str:
        return ",".join(f".{name}" for name in self.types_of(field))

    def max_of(self, field: FieldSpec) -> str:
        return field.max or self.default_max

    def max_bytes_of(self, field: FieldSpec) -> str:
        """Return the maximum size as a Python literal."""
        text = self.max_of(field)
        return number(int(re.sub(r"\D", "", text)) * _UNITS[re.sub(r"\d", "", text)])

    def sql_check_of(self, field: FieldSpec) -> str:
        return ""  # of the size, which another table has

    def errors_in(self, field: FieldSpec) -> list[str]:
        if not find_spec("app.files"):
            return ["this project has no app/files"]
        errors = []
        if field.max and not _SIZE.fullmatch(field.max):
            errors.append(f"max={field.max} is not a size such as 500KB or 20MB")
        module: Any = import_module("app.files.media_types")
        known = sorted({*module.KNOWN_EXTENSIONS} & _SAMPLES.keys())
        unknown = [name for name in self.types_of(field) if name not in known]
        return errors + ([f"types={unknown[0]}: use {', '.join(known)}, or the type image"] if unknown else [])

    def samples_of(self, field: FieldSpec) -> Samples:
        some = quoted("7488a646-e31f-41e4-aace-600308960662")
        return Samples(some, some, '"nope"')


class Image(File):
    """A JPEG, PNG, WebP or GIF image, which is stored without metadata."""

    modifiers = "max"
    default_max = "5MB"

    def rules_of(self, field: FieldSpec) -> str:
        return f"FileRules(max_bytes={self.max_bytes_of(field)}, types=IMAGES, thumbnails=(320,))"

    def accept_of(self, field: FieldSpec) -> str:
        return "image/jpeg,image/png,image/webp,image/gif"

    def upload_of(self, field: FieldSpec) -> str:
        return '("some.png", image_bytes("PNG", 40, 30))'
