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
    """Whether TLS begins with the connection (smtps), or after a STARTTLS, which must work."""


def parse_mail_url(url: str) -> SmtpServer | Path:
    """Return the server that takes the mails, or the folder that they are written into.

    Raises:
        ValueError: when it is neither; the sentence has nothing of the URL, which may hold a password.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "file":
        return _read_folder(rest)
    if scheme not in _DEFAULT_PORTS:
        raise ValueError("use smtp://…, smtps://… or file:FOLDER")
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
    """Return the address that mails come from, with its name if it has one.

    Raises:
        ValueError: when it is not one address.
    """
    name, opened, rest = text.strip().rpartition("<")
    address, closed = (rest.removesuffix(">"), rest.endswith(">")) if opened else (rest, False)
    if not _ADDRESS.fullmatch(address) or bool(opened) is not closed or "<" in name or not name.isprintable():
        raise ValueError(
            "use ada@example.com or Ada <ada@example.com>; non-ASCII characters are allowed only in the name"
        )
    user, _, domain = address.partition("@")
    return Address(name.strip().strip('"'), user, domain)


def _read_folder(rest: str) -> Path:
    if rest.startswith("//") and not rest.startswith("///"):
        raise ValueError("use file:FOLDER, or file:/FOLDER for an absolute one")
    folder = "/" + rest.lstrip("/") if rest.startswith("/") else rest
    if not folder.strip("/"):
        raise ValueError("use file:FOLDER, where FOLDER is the directory to write emails to")
    return Path(folder)
