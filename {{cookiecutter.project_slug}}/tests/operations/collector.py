"""Receives what Sentry's and OpenTelemetry's libraries send."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Collector(ThreadingHTTPServer):
    """A server on this machine that stores requests."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        super().__init__(("127.0.0.1", 0), _Receiver)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_port}"

    def sent_to(self, path: str) -> str:
        """Return everything that was sent to a path so far, with binary parts replaced."""
        return b"\n".join(body for to, body in list(self.received) if to == path).decode(errors="replace")


class _Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_compressed = self.headers["Content-Encoding"] == "gzip"
        self.server.received.append((self.path, gzip.decompress(body) if is_compressed else body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in http.server
        """Print nothing."""


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Run a collector in a thread."""
    with Collector() as collector:
        thread = Thread(target=collector.serve_forever)
        thread.start()
        yield collector
        collector.shutdown()
        thread.join()
