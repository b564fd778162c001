"""`app serve`: garbage collection, startup message, worker processes."""

import gc
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.commands.asgi import build_app
from tests.postgres import free_port
from tests.server import SECONDS_TO_START, SECONDS_TO_STOP, process_environment, running_server, start_process

# systemd passes a socket as number 3, and says for which process.
LIKE_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.any_database
def test_objects_of_the_first_requests_are_frozen(monkeypatch: pytest.MonkeyPatch, empty_database_url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    monkeypatch.setenv("SECRET_KEY", "x" * 64)
    app = build_app()
    frozen = gc.get_freeze_count()
    app.state.built_later = [[number] for number in range(1000)]

    gc.collect()
    warm = gc.get_freeze_count()
    app.state.built_after_that = [[number] for number in range(1000)]
    gc.collect()

    assert warm >= frozen + 1000
    assert gc.get_freeze_count() <= warm, "only once: later objects must be collected"


@pytest.mark.parametrize("arguments", [(), ("--reload",)], ids=["one", "reload"])
@pytest.mark.any_database
def test_startup_message_is_printed_once_the_server_listens(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    port = free_port()
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/new.db"}
    process = start_process(tmp_path, "log", "serve", "--setup", "--port", str(port), *arguments, **settings)
    log = tmp_path / "log"
    try:
        deadline = time.monotonic() + 2 * SECONDS_TO_START
        while log.read_text().count("+--") < 2:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        assert not is_free(port)
    finally:
        process.terminate()
        process.wait()

    printed = log.read_text()
    assert f"http://127.0.0.1:{port}/docs" in printed
    assert printed.index("Applied migrations: 0001") < printed.index("| Created an admin user.")
    rows = re.findall(r"^[|+].*", printed, re.MULTILINE)
    assert len({len(row) for row in rows}) == 1
    assert re.search(r"^\|     admin@example\.com +\|\n\|     \S{20} +\|$", printed, re.MULTILINE)
    assert re.search(
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d INFO uvicorn Started ", printed, re.MULTILINE
    )
    assert "uvicorn.error" not in printed


def test_workers_exit_with_their_parent(shared_sqlite: Callable[[], str], tmp_path: Path) -> None:
    with running_server(tmp_path, DATABASE_URL=shared_sqlite(), SERVER_WORKERS="2") as server:
        sent = [server.client.get("/health/live").headers["X-Request-ID"] for _ in range(100)]
        server.process.kill()
        server.process.wait()

        deadline = time.monotonic() + SECONDS_TO_STOP
        while not is_free(server.client.base_url.port) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert is_free(server.client.base_url.port)
        logged = re.findall(r"GET /health/live 200 .* request_id=(\S+)$", server.log.read_text(), re.MULTILINE)
        assert sorted(logged) == sorted(sent), "no worker loses a line"


def is_free(port: int | None) -> bool:
    """Return whether a port is free."""
    try:
        socket.create_server(("127.0.0.1", port or 0)).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="systemd runs on Linux")
@pytest.mark.any_database
def test_connections_wait_on_the_socket_of_systemd_until_the_server_is_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/new.db", "SERVER_PORT": str(address[1])}
        serve = [sys.executable, "-m", "app", "serve"]
        command = [sys.executable, "-c", LIKE_SYSTEMD, str(listener.fileno()), *serve]
        environment = process_environment(tmp_path, **settings)
        with socket.create_connection(address, timeout=SECONDS_TO_START) as client:
            client.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with subprocess.Popen(command, env=environment, pass_fds=[listener.fileno()]) as process:  # noqa: S603 - ours
                assert client.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
                process.terminate()
                assert process.wait(SECONDS_TO_STOP) in {0, -signal.SIGTERM}
        socket.create_connection(address).close()
