"""Sources of settings, and the formats of their values."""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from difflib import get_close_matches
from io import StringIO
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import AfterValidator, AnyUrl, BeforeValidator, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode

_UNITS = {"ms": "milliseconds", "": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MAX_SECRET_BYTES = 65_536
_SIMILARITY = 0.85  # DATABSE_URL is a misspelled DATABASE_URL, DATABASE_PUBLIC_URL is another variable


def split_commas(value: object) -> object:
    """Split `a, b` into a list; leave other values unchanged."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _parse_duration(value: object) -> object:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)(ms|[smhd]?)", value.strip())):
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    return value


def _parse_origin(value: str) -> str:
    """Normalize an origin to the form that browsers send: lowercase, without a trailing slash."""
    with suppress(ValidationError):
        origin = str(AnyUrl(value)).rstrip("/")
        if re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@*]+", origin):
            return origin
    if value == "*":
        return value
    message = f"{value!r} is not an origin: use https://app.example or http://localhost:5173, without a path"
    raise ValueError(message)


def _parse_network(value: str) -> str:
    return value if value == "*" else str(ip_network(value))


Origins = Annotated[tuple[Annotated[str, AfterValidator(_parse_origin)], ...], NoDecode, BeforeValidator(split_commas)]
Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_parse_network)], ...], NoDecode, BeforeValidator(split_commas)
]

Duration = Annotated[timedelta, BeforeValidator(_parse_duration)]
"""A duration, written as `250ms`, `90` (seconds), `10m`, `12h` or `14d`."""

LogFormat = Annotated[Literal["auto", "text", "json"], BeforeValidator(lambda name: str(name).lower())]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lambda name: str(name).lower())]


class EnvFileError(ValueError):
    """`.env` has a syntax error, a misspelled setting or an unset variable."""


class MappingSettingsSource(EnvSettingsSource):
    """Settings from a mapping of lowercase variable names to values."""

    def __init__(self, settings_cls: type[BaseSettings], values: Mapping[str, str | None]) -> None:
        self._values = values
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._values


def read_env_file(variables: Sequence[str]) -> dict[str, str | None]:
    """Return the lowercase names and values in `.env` of the current directory; `${NAME}` is expanded.

    Raises:
        EnvFileError: a line is not an assignment, misspells a setting or references an unset variable.
    """
    path = Path(".env")
    if not path.exists():
        return {}
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EnvFileError(f"{path.resolve()} is not UTF-8. Save it as UTF-8.") from error
    known: list[str] = []
    for line in parse_stream(StringIO(text)):
        if line.error or (line.key and line.value is None) or "\0" in line.original.string:
            raise EnvFileError(f"{path.resolve()}, line {line.original.line}: invalid syntax. Use NAME=value.")
        if line.key:
            _check_variable(path, line.key, line.value or "", variables, {*known, *os.environ})
            known.append(line.key)
    return {name.lower(): value for name, value in dotenv_values(stream=StringIO(text)).items() if value}


def _check_variable(path: Path, name: str, value: str, variables: Sequence[str], known: set[str]) -> None:
    similar = [] if name.upper() in variables else get_close_matches(name.upper(), variables, 1, _SIMILARITY)
    if similar:
        raise EnvFileError(f"{path.resolve()}: unknown setting {name}. Did you mean {similar[0]}?")
    unset = [f"${other}" for other in re.findall(r"\$({[^}:]*})", value) if other.strip("{}") not in known]
    if unset:
        raise EnvFileError(
            f"{path.resolve()}: {name} references {unset[0]}, which is not set. If `$` is part of the value, set "
            f"{name} in the environment or as a file in SECRETS_DIR."
        )


def read_platform_port() -> dict[str, str | None]:
    """Return `server_port` from `PORT`, which Heroku, Render, Cloud Run and other platforms set."""
    return {"server_port": os.environ["PORT"]} if os.environ.get("PORT") else {}


def read_secret_files() -> dict[str, str]:
    """Return the lowercase names and stripped contents of the files in the secrets directory."""
    folder = Path(os.environ.get("SECRETS_DIR") or "/run/secrets")
    if not folder.is_dir():
        return {}
    files = [path for path in folder.iterdir() if path.is_file() and path.stat().st_size <= _MAX_SECRET_BYTES]
    return {path.name.lower(): path.read_text(errors="replace").strip() for path in files}
