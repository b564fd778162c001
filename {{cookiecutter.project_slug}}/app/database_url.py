"""How `DATABASE_URL` is read: with the parameters of libpq, as hosts of PostgreSQL write it, translated for asyncpg.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode

_FORM = (
    "write it as postgresql://user:password@host:port/name, with %-codes for special characters in the password, "
    "or as sqlite:///app.db"
)
_POSTGRESQL = re.compile(
    r"postgresql\+asyncpg://(?:(?P<user>[^:/@]*)(?::(?P<password>[^@]*))?@)?(?P<hosts>[^/?@]*)"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<words>.*))?",
    re.DOTALL,
)
_HOST = re.compile(r"(?P<host>/.*|\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>.*))?")
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
    """A database of PostgreSQL, and how to connect to it."""

    hosts: list[tuple[str, int]]
    """No host: the socket of this machine. Several are tried one after the other."""
    user: str | None
    password: str | None
    database: str | None
    options: Mapping[str, Any]
    """More arguments of `asyncpg.connect`."""
    pgbouncer: bool
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


def read_database_url(text: str) -> Target | None:
    """Read a URL that `name_driver` returned; nothing for SQLite.

    Raises:
        ValueError: when a part cannot be used; the sentence has no value of the URL, which may hold a password.
    """
    if text.startswith("sqlite"):
        return None
    parts = _match(_POSTGRESQL, text)
    words = _read_words(parts.pop("words"))
    named = {"user": "user", "password": "password", "dbname": "database", "host": "hosts"}
    found = {name: unquote(part) for name, part in parts.items() if part}
    found |= {named[word]: words.pop(word) for word in named.keys() & words}
    hosts = _read_hosts(found.get("hosts"), words.pop("port", ""))
    pgbouncer = words.pop("pgbouncer", "false").lower() == "true"
    user, password, database = (found.get(name) for name in ("user", "password", "database"))
    return Target(hosts, user, password, database, _translate(words), pgbouncer)


def _read_words(query: str | None) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, strict_parsing=True, keep_blank_values=True)) if query else {}
    except ValueError:
        raise ValueError(_FORM) from None


def _match(pattern: re.Pattern[str], text: str) -> dict[str, str | None]:
    if match := pattern.fullmatch(text):
        return match.groupdict()
    raise ValueError(_FORM)


def _read_hosts(hosts: str | None, ports: str) -> list[tuple[str, int]]:
    """Read `a:5432,b:5432`, or what `host=` and `port=` say; a host that begins with `/` is the folder of a socket."""
    given, pairs = ports.split(","), []
    for number, text in enumerate(hosts.split(",") if hosts else []):
        parts = _match(_HOST, text)
        port = parts["port"] or (given[number] if number < len(given) else given[0]) or str(_DEFAULT_PORT)
        if not port.isdecimal() or not 0 < int(port) <= _HIGHEST_PORT:
            raise ValueError("a port must be a number from 1 to 65535")
        pairs.append(((parts["host"] or "").strip("[]"), int(port)))
    return pairs


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
