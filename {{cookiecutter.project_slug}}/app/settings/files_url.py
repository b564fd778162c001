"""Parse `FILES_URL`."""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

CLOUD_SCHEMES = ("s3", "gs", "az")
_CLOUD_PLACE = re.compile(r"//([a-z0-9][a-z0-9._-]*(?:/[^?#]*)?)(?:\?([^#]*))?")


class FilesLocation(NamedTuple):
    """Where the bytes of files are stored."""

    scheme: str
    """`file`, `memory` or one of `CLOUD_SCHEMES`."""
    place: str
    """The directory of `file`; bucket and prefix of a cloud store."""
    options: dict[str, str]
    """Options of a cloud store, such as `endpoint` and `region`."""


def parse_files_url(url: str) -> FilesLocation:
    """Parse `FILES_URL`.

    Raises:
        ValueError: invalid URL. The message doesn't contain the URL, which may include a key.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "memory" and not rest.strip("/"):
        return FilesLocation(scheme, "", {})
    if scheme == "file":
        if rest.startswith("//") and not rest.startswith("///"):
            raise ValueError("use file:DIRECTORY, or file:/DIRECTORY for an absolute path")
        directory = "/" + rest.lstrip("/") if rest.startswith("/") else rest
        if not directory.strip("/"):
            raise ValueError("use file:DIRECTORY, the directory to store files in")
        return FilesLocation(scheme, directory, {})
    if scheme not in CLOUD_SCHEMES:
        raise ValueError("use file:DIRECTORY, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX")
    match = _CLOUD_PLACE.fullmatch(rest)
    if not match:
        raise ValueError(f"use {scheme}://BUCKET/PREFIX?endpoint=https://…&region=…")
    return FilesLocation(scheme, match[1].rstrip("/"), dict(parse_qsl(match[2] or "")))
