"""How `DATABASE_URL` is read: with the parameters of libpq, as hosts of PostgreSQL write it, translated for asyncpg.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

_FORM = (
    "write it as postgresql://user:password@host:port/name, with %-codes for special characters in the password, "
    "or as sqlite:///app.db"
)
_SEVERAL_HOSTS = re.compile(
    r"(?P<login>[\w+]+://(?:[^:/]*(?::[^@]*)?@)?)(?P<hosts>[^/?]*,[^/?]*)(?P<rest>.*)", re.DOTALL
)
_DEFAULT_PORT = 5432
_HIGHEST_PORT = 65_535

_FILES = {"sslcert", "sslcrl", "sslkey", "sslrootcert"}
_CHOICES = {
    "sslmode": {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
    "sslnegotiation": {"postgres", "direct"},
    "target_session_attrs": {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
}
_PASSED_ON = {*_FILES, *_CHOICES, "passfile", "sslpassword", "ssl_max_protocol_version", "ssl_min_protocol_version"}
"""What asyncpg reads from a URL itself."""
_SERVER_SETTINGS = {"application_name", "options"}
_LOGIN = {"user": "username", "password": "password", "dbname": "database"}
_IGNORED = {  # asyncpg has nothing like them, and the connection works without
    "channel_binding",
    "client_encoding",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "sslcompression",
    "sslsni",
    "tcp_user_timeout",
}


class Target(NamedTuple):
    """A database, and how to connect to it."""

    url: URL
    """Without parameters."""
    options: Mapping[str, Any]
    """Arguments of `asyncpg.connect`."""
    pgbouncer: bool = False
    """Whether the URL says `pgbouncer=true`, as Prisma's do."""


def name_driver(text: str) -> str:
    """Return the URL with the driver that the project uses, without the blanks and quotes around it.

    Raises:
        ValueError: when it names another database.
    """
    text = re.sub(r"""^\s*(["']?)(.*)\1\s*$""", r"\2", text, flags=re.DOTALL).strip()
    text = re.sub(r"^postgres(ql)?://", "postgresql+asyncpg://", text)
    text = re.sub(r"^sqlite://", "sqlite+aiosqlite://", text)
    if not text.startswith(("postgresql+asyncpg://", "sqlite+aiosqlite://")):
        raise ValueError("use postgresql://… or sqlite:///…")
    return text


def read_database_url(text: str) -> Target:
    """Read a URL that `name_driver` returned.

    Raises:
        ValueError: when a part cannot be used; the sentence has no value of the URL, which may hold a password.
    """
    hosts = None
    if text.startswith("postgresql") and (match := _SEVERAL_HOSTS.fullmatch(text)):
        text, hosts = match["login"] + match["rest"], match["hosts"]
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(_FORM) from None
    if url.get_backend_name() == "sqlite":
        return Target(url, {})
    if not all("=" in part for part in text.partition("?")[2].split("&") if part):
        raise ValueError(_FORM)
    words = {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
    login = {_LOGIN[name]: words.pop(name) for name in _LOGIN.keys() & words}
    options = _read_hosts(hosts or words.pop("host", None), words.pop("port", None), url)
    pgbouncer = words.pop("pgbouncer", "false").lower() == "true"
    return Target(url.set(query={}, **login), options | _translate(words), pgbouncer)  # type: ignore[arg-type]


def _read_hosts(hosts: str | None, ports: str | None, url: URL) -> dict[str, Any]:
    """Read `a:5432,b:5432`, or what `host=` and `port=` say; a host that begins with `/` is a folder of a socket."""
    given = ports.split(",") if ports else [str(_DEFAULT_PORT if url.port is None else url.port)]
    pairs = []
    for number, host in enumerate((hosts or url.host or "").split(",")):
        name, colon, port = ("", "", "") if host.startswith(("/", "[")) else host.rpartition(":")
        pairs.append((name, port) if colon else (host, given[number] if number < len(given) else given[0]))
    if not all(port.isdecimal() and 0 < int(port) <= _HIGHEST_PORT for _, port in pairs):
        raise ValueError("a port must be a number from 1 to 65535")
    if hosts is None and ports is None:
        return {}  # they are in the URL
    return {"host": [name for name, _ in pairs], "port": [int(port) for _, port in pairs]}


def _translate(words: dict[str, str]) -> dict[str, Any]:
    """Return the arguments of asyncpg for libpq's parameters."""
    options: dict[str, Any] = {}
    if ssl := words.pop("ssl", None):  # asyncpg's own word, and what drivers of JavaScript say
        words.setdefault("sslmode", {"true": "require", "false": "disable"}.get(ssl, ssl))
    if seconds := words.pop("connect_timeout", None):
        if not seconds.isdecimal():
            raise ValueError("connect_timeout must be a number of seconds")
        options |= {"timeout": int(seconds)} if int(seconds) else {}
    if unknown := sorted(words.keys() - _PASSED_ON - _SERVER_SETTINGS - _IGNORED):
        raise ValueError(f"the parameter {unknown[0][:40]!r} is not supported: remove it from the URL")
    _check_choices(words)
    if words.get("sslrootcert") == "system":
        options["ssl"] = True  # the certificates of this machine, and the name of the host
        words = {name: value for name, value in words.items() if not name.startswith("ssl")}
    if settings := {name: words[name] for name in _SERVER_SETTINGS & words.keys()}:
        options["server_settings"] = settings
    if passed := {name: words[name] for name in sorted(_PASSED_ON & words.keys())}:
        options["dsn"] = f"postgresql://?{urlencode(passed)}"
    return options


def _check_choices(words: Mapping[str, str]) -> None:
    for name in _CHOICES.keys() & words.keys():
        if words[name] not in _CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(sorted(_CHOICES[name]))}")
    for name in _FILES & words.keys():
        if words[name] != "system" and not Path(words[name]).is_file():
            raise ValueError(f"{name} names a file that does not exist")
    verifies = words.get("sslmode", "").startswith("verify-")
    if verifies and "sslrootcert" not in words and not Path("~/.postgresql/root.crt").expanduser().exists():
        raise ValueError(
            "sslmode=verify-… needs sslrootcert=FILE, or sslrootcert=system for this machine's certificates"
        )
