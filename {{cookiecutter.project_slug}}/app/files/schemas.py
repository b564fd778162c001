"""Response schema of files."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict


class FileRead(BaseModel):
    """What a client learns about a file."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)

    id: UUID
    name: str
    """Name for downloads, without a path."""
    media_type: str
    """Type detected from the content."""
    size: int
    """Size in bytes."""
    sha256: str
    """SHA-256 of the content, in hexadecimal."""
    width: int | None
    """Width of an image in pixels."""
    height: int | None
    """Height of an image in pixels."""
    created_at: AwareDatetime
