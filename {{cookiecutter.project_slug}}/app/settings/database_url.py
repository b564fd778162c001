"""Parse `DATABASE_URL`: translate libpq parameters, as used by PostgreSQL hosting providers, to asyncpg.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

_USAGE = "use postgresql://user:password@host:port/name and percent-encode special characters in the password"
_URL = re.compile(
    r"postgresql\+asyncpg://((?P<user>[^:/@]*)(:(?P<password>[^@]*))?@)?(?P<hosts>[^/?@]*)(/(?P<name>[^?]*))?"
    r"(\?(?P<query>.*))?",
    re.DOTALL,
)
_PORT = re.compile(r":([^,:\]]*)(?:,|$)")
_MAX_PORT = 65_535

_CHOICES = {
    "sslmode": {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
    "sslnegotiation": {"postgres", "direct"},
    "target_session_attrs": {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
}
_FILES = {"sslcert", "sslcrl", "sslkey", "sslrootcert"}
_TEXTS = {"application_name", "dbname", "host", "options", "passfile", "password", "port", "sslpassword", "user"}
_TEXTS |= {"ssl_max_protocol_version", "ssl_min_protocol_version"}
_IGNORED = {  # not supported by asyncpg, and not required
    *("channel_binding", "client_encoding", "fallback_application_name", "gssencmode", "sslcompression", "sslsni"),
    *("keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "tcp_user_timeout"),
    "pgbouncer",  # see DatabaseSettings.uses_pgbouncer
}


def normalize_database_url(text: str) -> str:
    """Return the URL with the project's driver, without surrounding whitespace and quotes.

    Raises:
        ValueError: unsupported database.
    """
    text = re.sub(r"""^\s*(["']?)(.*)\1\s*$""", r"\2", text, flags=re.DOTALL).strip()
    text = re.sub(r"^postgres(ql)?://", "postgresql+asyncpg://", text)
    text = re.sub(r"^sqlite://", "sqlite+aiosqlite://", text)
    if not text.startswith(("postgresql+asyncpg://", "sqlite+aiosqlite://")):
        raise ValueError("use postgresql://… or sqlite:///…")
    return text


def check_sqlite_directory(url: str) -> None:
    """Check that the directory of a SQLite file exists.

    Raises:
        ValueError: the directory doesn't exist.
    """
    file = re.match(r"sqlite\+aiosqlite:///(?!file:|:memory:)([^?]+)", url)
    if file and not Path(file[1]).parent.is_dir():
        raise ValueError(f"directory {Path(file[1]).parent} not found: create it or change the path")


def parse_postgresql_url(text: str) -> dict[str, Any]:
    """Return the arguments of `asyncpg.connect` for a PostgreSQL URL.

    Raises:
        ValueError: a parameter is invalid. The message doesn't contain values of the URL, which may include a password.
    """
    parts = _URL.fullmatch(text)
    if parts is None or not all("=" in part for part in (parts["query"] or "=").split("&")):
        raise ValueError(_USAGE)
    parameters = dict(parse_qsl(parts["query"] or "", keep_blank_values=True))
    arguments: dict[str, Any] = {name: unquote(parts[name]) for name in ("user", "password") if parts[name]}
    if ssl := parameters.pop("ssl", None):  # alias in SQLAlchemy and JavaScript drivers
        parameters.setdefault("sslmode", {"true": "require", "false": "disable"}.get(ssl, ssl))
    if (seconds := parameters.pop("connect_timeout", "0")) != "0":
        if not seconds.isdecimal():
            raise ValueError("connect_timeout must be a number of seconds")
        arguments["timeout"] = int(seconds)
    _check(parameters, _PORT.findall(parts["hosts"]) + parameters.get("port", "1").split(","))
    if parameters.get("sslrootcert") == "system":
        arguments["ssl"] = True  # verify the system's certificates and the host name
        parameters = {name: value for name, value in parameters.items() if not name.startswith("ssl")}
    query = urlencode({name: value for name, value in parameters.items() if name not in _IGNORED})
    name = f"/{parts['name']}" if parts["name"] else ""
    return {**arguments, "dsn": f"postgresql://{parts['hosts']}{name}?{query}"}


def _check(parameters: Mapping[str, str], ports: list[str]) -> None:
    if not all(port.isdecimal() and 0 < int(port) <= _MAX_PORT for port in ports):
        raise ValueError("a port must be a number from 1 to 65535")
    for name, value in parameters.items():
        if name not in {*_CHOICES, *_FILES, *_TEXTS, *_IGNORED}:
            raise ValueError(f"the parameter {name[:40]!r} is not supported: remove it from the URL")
        if value not in _CHOICES.get(name, {value}):
            raise ValueError(f"{name} must be one of {', '.join(sorted(_CHOICES[name]))}")
        if name in _FILES and value != "system" and not Path(value).is_file():
            raise ValueError(f"{name}: file not found")
    verifies = parameters.get("sslmode", "").startswith("verify-")
    if verifies and "sslrootcert" not in parameters and not Path("~/.postgresql/root.crt").expanduser().exists():
        raise ValueError(
            "sslmode=verify-… needs sslrootcert=FILE, or sslrootcert=system for this machine's certificates"
        )
