"""Files on a real S3 server, moto's: the feature of docs/files.md and the project's own tests."""

import base64
import http.client
import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

import fireup
from tests.baking import TEMPLATE, Bake
from tests.doc_blocks import blocks_of, run_block
from tests.serving import Server, Visitor, environment, find_free_port, run_dev, running

REQUIREMENTS = TEMPLATE / "tests" / "s3" / "requirements.txt"
EMAIL, PASSWORD = "files@example.com", "a password of the tests of files"
KEYS = "access_key_id=test&secret_access_key=test&region=us-east-1"
MEGABYTE = 1_000_000
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SECONDS = 60
STORE_FULL = """
import asyncio, os, sys
from app.files.store import FileStore, StoreFull
from app.settings.config import FilesSettings

async def main():
    store = FileStore(FilesSettings(url=f"file:{sys.argv[1]}"))
    await store.put("ab/small", b"x", {})
    try:
        await store.put("ab/large", b"x" * 2_000_000, {})
    except StoreFull:
        print("full", os.listdir(f"{sys.argv[1]}/ab"), await store.read("ab/small"))

asyncio.run(main())
"""


class Relay(threading.Thread):
    """Passes connections on to a port, unless it is cut."""

    def __init__(self, target: int) -> None:
        super().__init__(daemon=True)
        self.target, self.is_cut = target, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self) -> None:
        """Accept connections until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if self.is_cut:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self.target))
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=ends, daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self.is_cut:
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()  # each end is the source of one thread


@pytest.fixture(scope="module")
def s3_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    python, port = fireup.install(REQUIREMENTS), find_free_port()
    command = [python, "-m", "moto.server", "--port", str(port)]
    with (tmp_path_factory.mktemp("s3") / "moto.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + SECONDS
        while not _create_bucket(port):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()


def _create_bucket(port: int) -> bool:
    with closing(_connect(port)) as connection, suppress(OSError):
        connection.request("PUT", "/bucket")
        return connection.getresponse().status == 200
    return False


def _connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)


@pytest.fixture(scope="module")
def documented(bake: Bake) -> Path:
    """Generate a project with the feature of docs/files.md."""
    project = bake()
    run_dev(project, "app", "setup")
    for kind, text in blocks_of("files.md"):
        run_block(project, kind, text)
    create = [_python(project), "-m", "app", "users", "create-admin", "--email", EMAIL]
    subprocess.run([*create, "--password-stdin"], cwd=project, check=True, input=PASSWORD.encode())
    return project


def _python(project: Path) -> str:
    return str(project / ".venv" / "bin" / "python")


def test_own_tests_pass_on_s3(documented: Path, s3_port: int) -> None:
    url = f"s3://bucket/tests?endpoint=http://127.0.0.1:{s3_port}&{KEYS}"

    run_dev(documented, "test", "--database", "sqlite", "tests/files", TEST_FILES_URL=url)


def test_documented_feature_passes_the_checks(documented: Path) -> None:
    for check in ("format", "lint", "imports"):
        run_dev(documented, "check", check)


@contextmanager
def serving_files(project: Path, folder: Path, url: str, **settings: str) -> Iterator[Server]:
    """Serve the project with this store."""
    variables = {**environment(), "FILES_URL": url, **settings}
    with running(
        [_python(project), "-m", "app", "serve"], project, folder / "log", variables
    ) as server:
        yield server


class Client:
    """Uploads and downloads documents."""

    def __init__(self, server: Server) -> None:
        self.port = urlsplit(server.address).port or 0
        login = {"email": EMAIL, "password": PASSWORD}
        answer = Visitor(server.address).post_json("/api/v1/auth/login", login)
        self.headers = {"Authorization": f"Bearer {answer.body['access_token']}"}

    def upload(self, megabytes: int) -> tuple[int, str]:
        """Upload a PDF in a form, as a stream, and return status and body."""
        start = (
            b'--limit\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-'
        )
        end = b"\r\n--limit--\r\n"
        length = len(start) + megabytes * MEGABYTE + len(end)
        kind = "multipart/form-data; boundary=limit"
        headers = {**self.headers, "Content-Type": kind, "Content-Length": str(length)}
        chunks = (start, *(bytes(MEGABYTE) for _ in range(megabytes)), end)
        return self.send("PUT", "", iter(chunks), headers)[:2]

    def submit(
        self, method: str, path: str, values: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Send a form and return status and body."""
        with closing(_connect(self.port)) as connection:
            headers = {**self.headers, "Content-Type": "application/x-www-form-urlencoded"}
            connection.request(method, f"/api/v1/{path}", urlencode(values or {}), headers)
            response = connection.getresponse()
            return response.status, response.read().decode("latin-1")

    def send(
        self,
        method: str,
        path: str,
        body: Iterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, str, http.client.HTTPResponse]:
        """Send a request and return status, body and response."""
        with closing(_connect(self.port)) as connection:
            connection.request(method, f"/api/v1/documents{path}", body, headers or self.headers)
            response = connection.getresponse()
            return response.status, response.read().decode("latin-1"), response


def test_large_upload_is_streamed(documented: Path, s3_port: int, tmp_path: Path) -> None:
    url = f"s3://bucket/large?endpoint=http://127.0.0.1:{s3_port}&{KEYS}"
    with serving_files(documented, tmp_path, url) as server:
        client = Client(server)
        assert client.upload(1)[0] == 201
        before = peak_memory(server)

        status, document_id = client.upload(80)

        assert status == 201
        assert peak_memory(server) - before < 70 * MEGABYTE
        _, content, response = client.send("GET", f"/{json.loads(document_id)}")
        assert len(content) == int(response.headers["Content-Length"]) == 80 * MEGABYTE + 5
        assert peak_memory(server) - before < 70 * MEGABYTE


def peak_memory(server: Server) -> int:
    """Return the largest memory of the process so far, in bytes."""
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def test_store_that_is_away(documented: Path, s3_port: int, tmp_path: Path) -> None:
    relay = Relay(s3_port)
    relay.start()
    url = f"s3://bucket/away?endpoint=http://127.0.0.1:{relay.port}&{KEYS}"
    with serving_files(documented, tmp_path, url) as server:
        client = Client(server)
        _, document_id = client.upload(1)
        path = f"/{json.loads(document_id)}"
        relay.is_cut = True

        refused, problem = client.upload(1)
        unread, *_ = client.send("GET", path)

        assert (refused, unread) == (503, 503)
        assert "Files are unavailable" in problem
        assert "secret" not in server.printed()
        relay.is_cut = False
        assert client.send("GET", path)[0] == 200
        assert client.upload(1)[0] == 201
    relay.listener.close()


def test_downloads_are_redirected_to_the_store(
    documented: Path, s3_port: int, tmp_path: Path
) -> None:
    url = f"s3://bucket/signed?endpoint=http://127.0.0.1:{s3_port}&{KEYS}"
    with serving_files(documented, tmp_path, url, FILES_REDIRECT="true") as server:
        client = Client(server)
        _, document_id = client.upload(1)

        status, _, response = client.send("GET", f"/{json.loads(document_id)}")

        assert status == 307
        signed = urlsplit(response.headers["Location"])
        assert signed.port == s3_port
        with closing(_connect(s3_port)) as connection:
            connection.request("GET", f"{signed.path}?{signed.query}")
            stored = connection.getresponse()
            assert stored.headers["Content-Disposition"].startswith("attachment; filename=")
            assert len(stored.read()) == MEGABYTE + 5


def test_client_uploads_to_the_store_itself(documented: Path, s3_port: int, tmp_path: Path) -> None:
    url = f"s3://bucket/direct?endpoint=http://127.0.0.1:{s3_port}&{KEYS}"
    with serving_files(documented, tmp_path, url) as server:
        client = Client(server)
        upload = json.loads(client.submit("POST", "direct-uploads")[1])
        signed = urlsplit(upload["url"])
        with closing(_connect(s3_port)) as connection:
            connection.request("PUT", f"{signed.path}?{signed.query}", PNG)
            assert connection.getresponse().status == 200
        field, reference = "users/me/picture", {"upload": upload["id"], "name": "dot.png"}

        status, taken = client.submit("PUT", field, reference)

        assert (status, json.loads(taken)["width"]) == (200, 1), taken
        assert client.submit("GET", field)[0] == 200
        assert client.submit("PUT", field, reference)[0] == 422


def test_full_disk_leaves_no_partial_file(documented: Path, tmp_path: Path) -> None:
    script = tmp_path / "full.py"
    script.write_text(STORE_FULL, encoding="utf-8")
    folder = tmp_path / "disk"
    folder.mkdir()
    commands = """
        exec unshare --map-root-user --mount /bin/sh -euc '
            mount -t tmpfs -o size=1m tmpfs "$3"; exec "$1" "$2" "$3"' sh "$@"
    """

    done = subprocess.run(
        ["/bin/sh", "-c", commands, "sh", _python(documented), script, folder],
        cwd=documented,
        env={**environment(), "PYTHONPATH": str(documented)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "full ['small'] b'x'\n", done.stdout + done.stderr
