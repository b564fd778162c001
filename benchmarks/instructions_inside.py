"""Run by instructions.py under callgrind: send the same request to an app repeatedly.

`python -m benchmarks.instructions_inside MODULE:NAME WORKLOAD [COOKIE]`, where NAME is an app, or
an app factory followed by (), and COOKIE a browser's session.
"""

import asyncio
import json
import os
import subprocess
import sys
from importlib import import_module
from logging.config import dictConfig
from typing import Any

from benchmarks.workloads import EMAIL, PAGES, WORKLOADS, Workload

WARM_UP = 40
COUNTED = 40


class App:
    """An ASGI app called without a server."""

    def __init__(self, address: str) -> None:
        module, _, name = address.removesuffix("()").partition(":")
        found = getattr(import_module(module), name)
        self.app = found() if address.endswith("()") else found
        self.state: dict[str, Any] = {}
        self.token = ""
        self._stop: asyncio.Future[Any] | None = None

    async def start(self) -> None:
        """Start it and sign in."""
        started = asyncio.Event()

        async def send(message: dict[str, Any]) -> None:
            assert message["type"] == "lifespan.startup.complete", message
            started.set()

        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        messages.put_nowait({"type": "lifespan.startup"})
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}
        self._stop = asyncio.ensure_future(self.app(scope, messages.get, send))
        await started.wait()
        login = WORKLOADS["login"]
        response = await self.ask(login._replace(data={**login.data, "email": EMAIL}))
        self.token = json.loads(response)["access_token"]

    async def ask_often(self, workload: Workload, numbers: range) -> None:
        """Send the same request once for each number."""
        for number in numbers:
            await self.ask(workload._replace(path=workload.path.format(number)))

    async def ask(self, workload: Workload) -> bytes:
        """Send a request and return the response body."""
        path, _, query = workload.path.partition("?")
        body = json.dumps(workload.data).encode() if workload.data else b""
        headers = {
            "host": "127.0.0.1",
            "authorization": f"Bearer {self.token}",
            "content-type": "application/json",
            "content-length": str(len(body)),
            **{name.lower(): value for name, value in workload.headers.items()},
        }
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": workload.method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 8_000),
            "state": dict(self.state),
        }
        response = b""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal response
            assert message.get("status", 200) in {200, 201}, message
            response += message.get("body", b"")

        await self.app(scope, receive, send)
        return response


def main(address: str, name: str, cookie: str = "") -> None:
    """Warm up, then let callgrind count."""
    asyncio.set_event_loop_policy(import_module("uvloop").EventLoopPolicy())
    workload = PAGES[name]
    if address.startswith("app."):  # as `app serve` does, so that the request log is counted
        settings = import_module("app.settings.config").load_settings()
        dictConfig(import_module("app.api.logs").log_config(settings))
    if cookie:
        workload = workload._replace(headers={**workload.headers, "Cookie": cookie})
    with asyncio.Runner() as runner:
        app = App(address)
        runner.run(app.start())
        runner.run(app.ask_often(workload, range(1, WARM_UP + 1)))
        command = ["callgrind_control", "-i", "on", str(os.getpid())]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        runner.run(app.ask_often(workload, range(WARM_UP + 1, WARM_UP + COUNTED + 1)))
        os._exit(0)  # what an end takes is not counted


if __name__ == "__main__":
    main(*sys.argv[1:])
