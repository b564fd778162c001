"""What ASGI servers buffer before they call the app, for the table in docs/asgi.md.

    python3 fireup.py prove floods

Serves a new project with each server in docs/asgi.md. Sends 100 MB in one header, then 100 MB of
body to a route that rejects it, and prints how many MB the server accepted before it answered or
closed the connection, the status, and by how many MiB its largest process grew.
"""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import fireup
from benchmarks.report import table
from benchmarks.servers import family
from tests.asgi_servers import Row, prepare, rows, serve

MB = 1_000_000
SIZE = 100
SECONDS = 10
HEADER = b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Large: "
BODY = b"POST /api/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (SIZE * MB)


def flood(port: int, start: bytes) -> tuple[int, str]:
    """Send it, and then 100 MB; return how many MB were accepted, and the status or "closed"."""
    accepted, answer = 0, b""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        with suppress(OSError):
            connection.sendall(start)
            while accepted < SIZE and not answer:
                connection.sendall(b"x" * MB)
                accepted += 1
                connection.settimeout(0)
                with suppress(BlockingIOError):
                    answer = connection.recv(100)
                connection.settimeout(SECONDS)
        connection.settimeout(SECONDS)
        with suppress(OSError):
            answer = answer or connection.recv(100)
    return accepted, answer[9:12].decode() or "closed"


def peaks(pid: int) -> Iterator[tuple[int, float]]:
    """Yield each process of a server and the most memory that it ever used, in MiB."""
    for one in family(pid):
        with suppress(OSError):  # the process ended
            status = Path(f"/proc/{one}/status").read_text()
            yield one, int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measure(port: int, pid: int, start: bytes) -> str:
    """Return what was accepted and by how much the memory grew."""
    before = dict(peaks(pid))
    accepted, status = flood(port, start)
    grown = max(peak - before.get(one, peak) for one, peak in peaks(pid))
    return f"{accepted} MB, {status}, +{grown:.0f} MiB"


def main() -> None:
    """Measure each server and print a Markdown table."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        project = prepare(fireup.generate(folder / "project", {}), folder / "database")

        def row(server: Row) -> list[str]:
            with serve(project, server, folder / server.name) as (process, port):
                return [server.name, *(measure(port, process.pid, one) for one in (HEADER, BODY))]

        found = [row(server) for server in rows() if not server.has_tls]
    print(table(["server", "100 MB in a header", "100 MB in a body"], found))


if __name__ == "__main__":
    main()
