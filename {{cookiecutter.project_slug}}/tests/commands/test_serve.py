"""`app serve`: what a server process does beside building the app."""

import gc
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.commands.serve import build_app
from tests.server import SECONDS_TO_STOP, running_server


@pytest.mark.any_database
def test_what_the_first_requests_build_is_spared_from_collection(
    monkeypatch: pytest.MonkeyPatch, empty_database_url: str
) -> None:
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
    assert gc.get_freeze_count() <= warm, "only once: what comes and goes later has to be looked at"


def test_workers_end_with_their_parent(shared_sqlite: Callable[[], str], tmp_path: Path) -> None:
    with running_server(tmp_path, DATABASE_URL=shared_sqlite(), SERVER_WORKERS="2") as server:
        server.process.kill()
        server.process.wait()

        deadline = time.monotonic() + SECONDS_TO_STOP
        while not is_free(server.client.base_url.port) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert is_free(server.client.base_url.port)


def is_free(port: int | None) -> bool:
    """Tell whether a server could listen on a port."""
    try:
        socket.create_server(("127.0.0.1", port or 0)).close()
    except OSError:
        return False
    return True
