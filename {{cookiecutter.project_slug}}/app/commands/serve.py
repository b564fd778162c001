"""`app serve`: run Uvicorn with the project's settings."""

import contextlib
import errno
import os
import socket
import sys
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from app.api.logs import log_config
from app.commands.invocation import say
from app.commands.login_hint import login_hint
from app.settings.config import Environment, Settings, load_settings

GRACEFUL_SHUTDOWN_SECONDS = 20
KEEP_ALIVE_SECONDS = 75  # longer than proxies keep idle connections, so that they don't reuse a closed one
_LAST_PORT = 65_535
_FIRST_SOCKET = 3
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - how to connect to a server on all interfaces


def add_to(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command("serve")(serve)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind to [SERVER_HOST]")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port to bind to [SERVER_PORT]")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Number of worker processes [SERVER_WORKERS]")
    ] = None,
    *,
    setup: Annotated[bool, typer.Option("--setup", help="Run `app setup` first")] = False,
    reload: Annotated[bool, typer.Option("--reload", help="Restart when the code changes (development)")] = False,
) -> None:
    """Start the web server."""
    if port is not None:
        os.environ["SERVER_PORT"] = str(port)  # read by Uvicorn's child processes
    admin = _set_up() if setup else []
    settings = load_settings()
    server = settings.server
    address, fd = (host or server.host, server.port), inherited_socket()
    if fd is None:
        check_address_available(*address)
    if admin or not settings.logs_json:  # the banner is no JSON
        lines = [*startup_message(settings), *(admin or [login_hint(settings)])]
        threading.Thread(target=_greet, args=(address, lines), daemon=True).start()
    processes = 1 if reload else workers or server.workers
    with _sharing_metrics(settings, processes):
        uvicorn.run(
            "app.commands.asgi:build_app",
            factory=True,
            http="app.commands.http_protocol:LimitedHttpProtocol",
            ws="app.commands.websocket_protocol:LimitedWebSocketProtocol",
            ws_max_size=server.max_body_bytes,
            host=address[0],
            port=server.port,
            fd=fd,
            workers=processes,
            reload=reload,
            reload_dirs=[str(Path(__file__).parents[1])] if reload else None,
            log_config=log_config(settings),
            access_log=False,  # app.api logs requests, with the request ID and without the query string
            server_header=False,
            proxy_headers=False,  # app.main reads them, under every server
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )


def _sharing_metrics(settings: Settings, processes: int) -> AbstractContextManager[object]:
    if not find_spec("app.operations"):
        return nullcontext()
    module = import_module("app.operations.metrics.sharing")
    context: AbstractContextManager[object] = module.sharing_metrics(settings, processes)
    return context


def inherited_socket() -> int | None:
    """Return the socket that systemd listens on for this process, so that no connection is refused in a restart.

    https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
    """
    return _FIRST_SOCKET if os.environ.get("LISTEN_PID") == str(os.getpid()) else None


def check_address_available(host: str, port: int) -> None:
    """Exit early if the address can't be bound."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if os.name != "nt":  # there it would allow two servers on one address
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            other = f"`app serve --port {port + 1 if port < _LAST_PORT else 8000}`"
            hint = f"try {other}" if error.errno in {errno.EADDRINUSE, errno.EACCES} else "check SERVER_HOST"
            sys.exit(f"app: cannot listen on {host}, port {port}: {error.strerror}: {hint}.")


def startup_message(settings: Settings) -> list[str]:
    """Return the lines of the startup banner."""
    lines = [f"{settings.project_name}: {settings.base_url}", f"API documentation: {settings.base_url}docs"]
    folder = settings.mail.url.get_secret_value().removeprefix("file:")
    if settings.environment is Environment.DEVELOPMENT and folder != settings.mail.url.get_secret_value():
        lines.append(f"Emails (not sent): {f'{settings.base_url}dev/mail' if find_spec('app.web') else Path(folder)}")
    return lines


def _greet(address: tuple[str, int], lines: list[str]) -> None:
    """Print the startup banner once the server, possibly another process, accepts connections."""
    host, port = address
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection((_LOOPBACK.get(host, host), port)).close()
            break
        time.sleep(0.05)
    width = max(map(len, lines))
    edge = f"+{'-' * (width + 2)}+"
    say("\n".join([edge, *(f"| {line:<{width}} |" for line in lines), edge]))


def _set_up() -> list[str]:
    from app.commands.setup import run_setup  # noqa: PLC0415 - not needed to serve

    return run_setup()
