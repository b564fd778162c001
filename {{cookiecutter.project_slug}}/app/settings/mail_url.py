"""Parse `MAIL_URL` and `MAIL_SENDER`."""

import re
from email.headerregistry import Address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_DEFAULT_PORTS = {"smtp": 587, "smtps": 465}

# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class SmtpServer(NamedTuple):
    """An SMTP server."""

    host: str
    port: int
    user: str | None
    password: str | None
    implicit_tls: bool
    """Whether the connection starts with TLS (smtps); otherwise STARTTLS is required."""


def parse_mail_url(url: str) -> SmtpServer | Path:
    """Parse `MAIL_URL` to an SMTP server, or a directory to write emails to.

    Raises:
        ValueError: invalid URL. The message doesn't contain the URL, which may include a password.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "file":
        return _parse_directory(rest)
    if scheme not in _DEFAULT_PORTS:
        raise ValueError("use smtp://…, smtps://… or file:DIRECTORY")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _DEFAULT_PORTS[scheme]
    except ValueError:
        host = None
    if not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"use {scheme}://user:password@host:port and percent-encode special characters")
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    return SmtpServer(host, port, user, password, implicit_tls=scheme == "smtps")


def parse_sender(text: str) -> Address:
    """Parse `MAIL_SENDER`, with or without a display name.

    Raises:
        ValueError: not a single email address.
    """
    name, bracket, rest = text.strip().rpartition("<")
    address, closed = (rest.removesuffix(">"), rest.endswith(">")) if bracket else (rest, False)
    if not _ADDRESS.fullmatch(address) or bool(bracket) is not closed or "<" in name or not name.isprintable():
        raise ValueError(
            "use ada@example.com or Ada <ada@example.com>; non-ASCII characters are allowed only in the name"
        )
    user, _, domain = address.partition("@")
    return Address(name.strip().strip('"'), user, domain)


def _parse_directory(rest: str) -> Path:
    if rest.startswith("//") and not rest.startswith("///"):
        raise ValueError("use file:DIRECTORY, or file:/DIRECTORY for an absolute path")
    directory = "/" + rest.lstrip("/") if rest.startswith("/") else rest
    if not directory.strip("/"):
        raise ValueError("use file:DIRECTORY, the directory to write emails to")
    return Path(directory)
