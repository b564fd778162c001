"""Where settings are read from, and how their values are written."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AnyUrl, BeforeValidator, ValidationError
from pydantic_settings import EnvSettingsSource, NoDecode

_UNITS = {"ms": "milliseconds", "": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MAX_SECRET_BYTES = 65_536


def split_commas(value: object) -> object:
    """Read `a, b` as a list."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _read_duration(value: object) -> object:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)(ms|[smhd]?)", value.strip())):
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    return value


def _read_origin(value: str) -> str:
    """Return an origin in the form in which browsers send it, so that a slash or a capital letter does no harm."""
    with suppress(ValidationError):
        origin = str(AnyUrl(value)).rstrip("/")
        if re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@*]+", origin):
            return origin
    if value == "*":
        return value
    message = f"{value!r} is not an origin: write https://app.example or http://localhost:5173, without a path"
    raise ValueError(message)


def _read_network(value: str) -> str:
    return value if value == "*" else str(ip_network(value))


Origins = Annotated[tuple[Annotated[str, AfterValidator(_read_origin)], ...], NoDecode, BeforeValidator(split_commas)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_read_network)], ...], NoDecode, BeforeValidator(split_commas)]

Duration = Annotated[timedelta, BeforeValidator(_read_duration)]
"""Written as `250ms`, `90` (seconds), `10m`, `12h` or `14d`."""

LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lambda name: str(name).lower())]


class SecretFiles(EnvSettingsSource):
    """A folder that holds one file a setting, as Docker and Kubernetes mount secrets."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return read_secret_files()


def read_secret_files() -> dict[str, str]:
    """Read the folder of secrets: file name in lower case → content without surrounding space."""
    folder = Path(os.environ.get("SECRETS_DIR") or "/run/secrets")
    if not folder.is_dir():
        return {}
    files = [path for path in folder.iterdir() if path.is_file() and path.stat().st_size <= _MAX_SECRET_BYTES]
    return {path.name.lower(): path.read_text(errors="replace").strip() for path in files}
