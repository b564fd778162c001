"""A docker-compose.yml, run on an engine and used over HTTP and on the command line."""

import json
import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.docker.engine import Engine

# docker-compose prefixes each line with the service name and a bar.
ADMIN = re.compile(r"admin@example\.com\n[^|]*\|\s*(\S+)")

# Builds use this machine's network to reach the package index: see engine.py.
OVERRIDE = "services:\n" + "".join(
    f"  {service}:\n    build:\n      network: host\n" for service in ("secrets", "setup", "app")
)

READ_SECRETS = """
import json, pathlib
print(json.dumps({file.name: file.read_text() for file in pathlib.Path("/run/secrets").iterdir()}))
"""


@dataclass(frozen=True)
class Response:
    """Status and JSON body of a response."""

    status: int
    body: Any


@dataclass(frozen=True)
class Stack:
    """The services of the docker-compose.yml in a folder, published on a free port."""

    engine: Engine
    folder: Path
    program: str | Path
    port: int

    def compose(self, *arguments: str) -> str:
        """Run docker-compose on the stack and return its output."""
        (self.folder / "override.yml").write_text(OVERRIDE)
        files = ["-f", "docker-compose.yml", "-f", "override.yml"]
        return self.engine.run(
            self.program, *files, *arguments, cwd=self.folder, env={"PORT": str(self.port)}
        )

    def up(self) -> None:
        """Start all services and wait until the app is ready."""
        try:
            self.compose("up", "-d")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.compose('logs', '--no-color')}") from None
        deadline = time.monotonic() + 60
        while self.get("/health/ready").status != 200:
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"the app did not become ready:\n{self.compose('logs', '--no-color')}"
                )
            time.sleep(0.3)

    def get(self, path: str, token: str | None = None) -> Response:
        """Send a GET request to the app; status 0 means that no connection was possible."""
        return self._send(path, token, None)

    def post(self, path: str, data: dict[str, str], token: str | None = None) -> Response:
        """Send JSON to the app."""
        return self._send(path, token, json.dumps(data).encode())

    def printed_password(self) -> str:
        """Return the admin's password, which `setup` logs exactly once."""
        (password,) = ADMIN.findall(self.compose("logs", "--no-color", "setup"))
        return str(password)

    def sign_in(self, password: str) -> str:
        """Return an access token of the first admin."""
        response = self.post(
            "/api/v1/auth/login", {"email": "admin@example.com", "password": password}
        )
        assert response.status == 200, response
        return str(response.body["access_token"])

    def read_secrets(self) -> dict[str, str]:
        """Return the generated secrets of this stack by name."""
        printed = self.compose("exec", "-T", "app", "python", "-c", READ_SECRETS)
        found: dict[str, str] = json.loads(printed)
        return found

    def container(self, service: str) -> dict[str, Any]:
        """Inspect the container of a service, running or stopped."""
        folder = self.folder.name
        names = self.engine.run("docker", "ps", "-a", "--format", "{{.Names}}").split()
        (name,) = [name for name in names if re.fullmatch(rf"{folder}[-_]{service}[-_]1", name)]
        (known,) = json.loads(self.engine.run("docker", "inspect", name))
        return dict(known)

    def _send(self, path: str, token: str | None, data: bytes | None) -> Response:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as received:
                return Response(received.status, json.loads(received.read() or b"null"))
        except urllib.error.HTTPError as error:
            return Response(error.code, error.read().decode(errors="replace"))
        except OSError as error:
            return Response(0, str(error))
