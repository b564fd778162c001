"""What an upload may be: `FileRules(max_bytes=5_000_000, types=IMAGES, thumbnails=(96, 320))`."""

from dataclasses import dataclass
from functools import cached_property

from app.files.media_types import IMAGES, extensions_of, types_of

__all__ = ["IMAGES", "FileRules", "types_of"]

_FORM_OVERHEAD = 65_536  # the other fields and headers of a multipart form


@dataclass(frozen=True, kw_only=True)
class FileRules:
    """What a field accepts."""

    max_bytes: int
    types: frozenset[str]
    """Media types, such as `IMAGES` or `types_of("pdf", "docx")`."""
    max_side: int = 4096
    """Longest side of an image in pixels; larger ones are scaled down."""
    thumbnails: tuple[int, ...] = ()
    """Longest sides of an image's thumbnails, in pixels."""

    @property
    def is_image(self) -> bool:
        """Whether all files are images."""
        return self.types <= IMAGES

    @property
    def max_body_bytes(self) -> int:
        """Maximum size of a request with the file, for `allow_body`."""
        return self.max_bytes + _FORM_OVERHEAD

    @cached_property
    def accept(self) -> str:
        """Value of the attribute `accept` of a file input."""
        extensions = [f".{extension}" for media_type in self.types for extension in extensions_of(media_type)]
        return ",".join(sorted([*self.types, *extensions]))
