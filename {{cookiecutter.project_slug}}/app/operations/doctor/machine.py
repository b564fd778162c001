"""Checks of the machine that the server runs on."""

import os
import re
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from pathlib import Path

from app.i18n import gettext as _
from app.operations.doctor.findings import Finding, Installation, error, ok, warning
from app.settings.config import Settings
from app.settings.files_url import parse_files_url
from app.settings.mail_url import parse_mail_url

FEW_BYTES, TOO_FEW_BYTES = 1_000_000_000, 100_000_000
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - how to connect to a server on all interfaces
_OTHER_FILES = 200  # descriptors for what isn't a client, such as the database


async def check_folders(installation: Installation) -> Sequence[Finding]:
    """Check that the server can write where it stores data, and that there is space."""
    found = list[Finding]()
    for setting, path in _folders(installation.settings):
        existing = next(folder for folder in (path, *path.parents) if folder.exists())
        free, values = shutil.disk_usage(existing).free, {"setting": setting, "path": path}
        text = _("%(path)s (%(setting)s): %(free).1f GB are free.")
        if not os.access(existing, os.W_OK | os.X_OK):
            fix = _("Make it writable for the user of the server, or change %(setting)s.")
            found += error(_("%(path)s (%(setting)s) is not writable."), fix, **values)
        elif free < FEW_BYTES:
            report = error if free < TOO_FEW_BYTES else warning
            found += report(text, _("Free some space: writes fail when the disk is full."), free=free / 1e9, **values)
        else:
            found += ok(text, free=free / 1e9, **values)
    return found


async def check_open_files(installation: Installation) -> Sequence[Finding]:
    """Check that a process may open as many files as it may have connections."""
    if not find_spec("resource"):  # Windows
        return []
    import resource  # noqa: PLC0415

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    needed = installation.settings.server.max_connections + _OTHER_FILES
    text = _("A process can open %(limit)d files; connections count.")
    if not installation.is_production or limit >= needed or limit == resource.RLIM_INFINITY:
        return ok(text, limit=limit)
    fix = _("Allow %(needed)d (`ulimit -n`, `LimitNOFILE=`, `ulimits:`), or set SERVER_MAX_CONNECTIONS=%(fewer)d.")
    return warning(text, fix, limit=limit, needed=needed, fewer=max(1, limit - _OTHER_FILES))


async def check_port(installation: Installation) -> Sequence[Finding]:
    """Check that the port is free, or that this project listens on it."""
    host, port = installation.settings.server.host, installation.settings.server.port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            if _is_live(_LOOPBACK.get(host, host), port):
                return ok(_("The server is running on port %(port)d."), port=port)
            fix = _("Stop the other program, or set SERVER_PORT.")
            return error(_("Can't listen on port %(port)d: %(why)s."), fix, port=port, why=problem.strerror)
    return ok(_("Port %(port)d is free: the server isn't running here."), port=port)


def _folders(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield the setting and the path of each folder that is written to."""
    if match := re.match(r"sqlite\+aiosqlite:///(?!file:|:memory:)([^?]+)", settings.database.url):
        yield "DATABASE_URL", Path(match[1]).absolute().parent
    if isinstance(mail := parse_mail_url(settings.mail.url.get_secret_value()), Path):
        yield "MAIL_URL", mail.absolute()
    if (files := parse_files_url(settings.files.url.get_secret_value())).scheme == "file":
        yield "FILES_URL", Path(files.place).absolute()


def _is_live(host: str, port: int) -> bool:
    with suppress(OSError, HTTPException), closing(HTTPConnection(host, port, timeout=3)) as connection:
        connection.request("GET", "/health/live")
        return connection.getresponse().read(100) == b'{"status":"live"}'
    return False
