"""A real server process, for tests of signals, proxies and raw HTTP."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2 as httpx

from app.database import migrate
from tests.postgres import free_port

SECONDS_TO_START = 60
SECONDS_TO_STOP = 30


class Server(NamedTuple):
    """A server process, with a client that can open 50 connections."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    log: Path


@contextmanager
def running_server(folder: Path, *, module: str = "app", **settings: str) -> Iterator[Server]:
    """Run `app serve` in an empty directory with these environment variables; kill it at the end."""
    port = free_port()
    process = start_process(folder, "server.log", "serve", "--port", str(port), module=module, **settings)
    limits = httpx.Limits(max_connections=50)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=SECONDS_TO_STOP) as client:
        try:
            _wait_until_ready(process, client, folder / "server.log")
            yield Server(process, client, folder / "server.log")
        finally:
            process.kill()
            process.wait()


def start_process(
    folder: Path, log: str, *arguments: str, module: str = "app", **settings: str
) -> subprocess.Popen[bytes]:
    """Start `app …` in a directory with these environment variables; its output goes to the log."""
    command = [sys.executable, "-m", module, *arguments]
    with (folder / log).open("wb") as file:
        environment = process_environment(folder, **settings)
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=file)  # noqa: S603 - our own


def process_environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return the environment variables of a process that runs in a directory."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(migrate.MIGRATIONS_DIR.parent),
        "SECRET_KEY": "the tests' secret key: it protects nothing",
        "AUTH_ARGON2_MEMORY_KIB": "8",
        "JOBS_IN_SERVER": "false",
        "SECRETS_DIR": str(folder),
        **settings,
    }


def _wait_until_ready(process: subprocess.Popen[bytes], client: httpx.Client, log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the server did not start: {log.read_text(errors='replace')}")
