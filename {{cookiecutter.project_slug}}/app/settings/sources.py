"""Where settings are read from, and how their values are written."""

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
_ALIKE = 0.85  # DATABSE_URL is meant to be DATABASE_URL, DATABASE_PUBLIC_URL is not


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
    message = f"{value!r} is not an origin: use https://app.example or http://localhost:5173, without a path"
    raise ValueError(message)


def _read_network(value: str) -> str:
    return value if value == "*" else str(ip_network(value))


Origins = Annotated[tuple[Annotated[str, AfterValidator(_read_origin)], ...], NoDecode, BeforeValidator(split_commas)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_read_network)], ...], NoDecode, BeforeValidator(split_commas)]

Duration = Annotated[timedelta, BeforeValidator(_read_duration)]
"""Written as `250ms`, `90` (seconds), `10m`, `12h` or `14d`."""

LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lambda name: str(name).lower())]


class EnvFileError(ValueError):
    """`.env` cannot be read as it was meant."""


class MappingSettingsSource(EnvSettingsSource):
    """Settings by the names of their variables in lower case, from elsewhere than the environment."""

    def __init__(self, settings_cls: type[BaseSettings], values: Mapping[str, str | None]) -> None:
        self._values = values
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._values


def read_env_file(variables: Sequence[str]) -> dict[str, str | None]:
    """Read `.env` in the current folder: name in lower case → value; `${NAME}` in a value stands for another variable.

    Raises:
        EnvFileError: when a line is no assignment, misspells a variable or uses one that is not set.
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
    meant = [] if name.upper() in variables else get_close_matches(name.upper(), variables, 1, _ALIKE)
    if meant:
        raise EnvFileError(f"{path.resolve()}: unknown setting {name}. Did you mean {meant[0]}?")
    unset = [f"${other}" for other in re.findall(r"\$({[^}:]*})", value) if other.strip("{}") not in known]
    if unset:
        raise EnvFileError(
            f"{path.resolve()}: {name} references {unset[0]}, which is not set. If `$` is part of the value, set "
            f"{name} in the environment or as a file in SECRETS_DIR."
        )


def read_platform_port() -> dict[str, str | None]:
    """Return the port that Heroku, Render, Cloud Run and others choose: `PORT`, unless SERVER_PORT is set."""
    return {"server_port": os.environ["PORT"]} if os.environ.get("PORT") else {}


def read_secret_files() -> dict[str, str]:
    """Read the folder of secrets: file name in lower case → content without surrounding space."""
    folder = Path(os.environ.get("SECRETS_DIR") or "/run/secrets")
    if not folder.is_dir():
        return {}
    files = [path for path in folder.iterdir() if path.is_file() and path.stat().st_size <= _MAX_SECRET_BYTES]
    return {path.name.lower(): path.read_text(errors="replace").strip() for path in files}
