"""`app serve`: run Uvicorn with the project's settings."""

import contextlib
import errno
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from starlette.applications import Starlette

from app.commands.gc_freeze import freeze_gc
from app.commands.invocation import say
from app.commands.login_hint import login_hint
from app.settings.config import Environment, Settings, load_settings

GRACEFUL_SHUTDOWN_SECONDS = 20
KEEP_ALIVE_SECONDS = 75  # longer than proxies keep idle connections, so that they don't reuse a closed one
_OLDEST_GENERATION = 2
_LAST_PORT = 65_535
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
    address = (host or server.host, server.port)
    check_address_available(*address)
    threading.Thread(
        target=_greet, args=(address, [*startup_message(settings), *(admin or [login_hint(settings)])]), daemon=True
    ).start()
    uvicorn.run(
        "app.commands.serve:build_app",
        factory=True,
        http="app.commands.http_protocol:LimitedHttpProtocol",
        host=address[0],
        port=server.port,
        workers=None if reload else workers or server.workers,
        reload=reload,
        reload_dirs=[str(Path(__file__).parents[1])] if reload else None,
        log_config=log_config(settings.log_level),
        access_log=False,  # app.api logs requests, with the request ID and without the query string
        server_header=False,
        proxy_headers=bool(server.trusted_proxies),
        forwarded_allow_ips=list(server.trusted_proxies),
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


def build_app() -> Starlette:
    """Build the app of a worker process and freeze its objects (`gc.freeze`)."""
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_stop_after, args=(parent,), daemon=True).start()
    with freeze_gc():
        from app.main import create_app  # noqa: PLC0415 - not needed in the supervisor process

        app = create_app()
    gc.callbacks.append(_freeze_when_warm)
    return app


def _stop_after(parent: BaseProcess) -> None:
    """Stop this worker when its parent dies, even by SIGKILL, so that it doesn't keep the port."""
    parent.join()
    logging.getLogger(__name__).warning("parent process exited, shutting down")
    os.kill(os.getpid(), signal.SIGTERM)


def _freeze_when_warm(phase: str, info: dict[str, int]) -> None:
    """Freeze the objects that the first requests created, instead of the first full collection."""
    if phase == "start" and info["generation"] == _OLDEST_GENERATION:
        gc.callbacks.remove(_freeze_when_warm)
        gc.freeze()


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


class LogFormatter(logging.Formatter):
    """Log formatter: one line per record, with an ISO 8601 timestamp."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - name from logging
        """Format as ISO 8601 with milliseconds."""
        return datetime.fromtimestamp(record.created, UTC).astimezone().isoformat(timespec="milliseconds")

    def format(self, record: logging.LogRecord) -> str:
        """Rename the logger `uvicorn.error`, which also logs messages that are not errors."""
        record.name = "uvicorn" if record.name == "uvicorn.error" else record.name
        return super().format(record)


def log_config(level: str) -> dict[str, object]:
    """Configure logging: one line per record on standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": LogFormatter, "format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        # Both are noisy at INFO: Alembic logs its plugins at startup, watchfiles every file.
        "loggers": {"alembic": {"level": "WARNING"}, "watchfiles": {"level": "WARNING"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
    }
