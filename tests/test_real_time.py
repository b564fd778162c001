"""WebSockets and event streams under the servers of docs/asgi.md: authentication and shutdown."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.asgi_servers import EMAIL, PASSWORD, Project, Row, prepare, rows, serve
from tests.baking import TEMPLATE, Bake

CLIENT = TEMPLATE / "tests" / "servers" / "real_time.py"
SERVERS = {"Uvicorn, 2 workers", "Hypercorn", "Granian", "Daphne"}
ROUTES = '''"""WebSockets and event streams."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, WebSocket
from fastapi.sse import EventSourceResponse

from app.accounts.api.dependencies import CurrentScope

router = APIRouter()


@router.websocket("/echo")
async def echo(socket: WebSocket, scope: CurrentScope) -> None:
    """Return each message."""
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


@router.get("/ticks", response_class=EventSourceResponse)
async def tick(scope: CurrentScope) -> AsyncIterator[int]:
    """Count."""
    for number in range(10_000):
        yield number
        await asyncio.sleep(0.1)
'''


def try_server(project: Project, row: Row, folder: Path) -> dict[str, Any]:
    """Serve the project, and return what the client saw."""
    settings = {"SERVER_LIVE_CHECK_INTERVAL": "500ms"}
    with serve(project, row, folder, **settings) as (process, port):
        command = [project.python, str(CLIENT), str(port), str(process.pid), EMAIL, PASSWORD]
        done = subprocess.run(command, capture_output=True, check=False, timeout=180)
    log = folder.with_suffix(".txt").read_text()
    assert done.returncode == 0, f"{row.name}: {done.stderr.decode()}\n{log}"
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def test_real_time_under_each_server(bake: Bake, tmp_path: Path) -> None:
    folder = bake(pages="no", admin="no")
    feature = folder / "app" / "features" / "live"
    feature.mkdir()
    (feature / "__init__.py").write_text('"""WebSockets and event streams."""\n')
    (feature / "routes.py").write_text(ROUTES)
    project = prepare(folder, tmp_path / "servers")
    trials = [row for row in rows() if row.name in SERVERS]

    with ThreadPoolExecutor(len(trials)) as threads:
        results = threads.map(lambda row: try_server(project, row, tmp_path / row.name), trials)
        seen = dict(zip([row.name for row in trials], results, strict=True))

    everywhere = {
        "rejected": 401,
        "echo": "hello",
        "subprotocol": "bearer",
        "first event": "data: 0",
        "signed out": [4401, "complete"],
        "stopped": [1012, "complete"],
        "stopped at once": True,
    }
    assert seen == {
        "Uvicorn, 2 workers": everywhere,
        "Granian": everywhere,
        # It stops its workers without a signal, and waits for `--graceful-timeout`.
        "Hypercorn": {**everywhere, "stopped": [1011, "cut"], "stopped at once": False},
        # It sends no response of the app instead of its own 403, and runs no lifespan.
        "Daphne": {**everywhere, "rejected": 403, "stopped": [None, "cut"]},
    }
