"""An HTTP/1.1 client with one connection, which it can close in the middle of a request."""

import asyncio
import json
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import urlencode

PATIENCE = 60
"""Seconds to wait for a response: longer than any limit of the server."""


class Broken(Exception):
    """The server closed the connection without a response, or sent none."""


class Response(NamedTuple):
    """A response."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:  # noqa: ANN401 - any JSON value
        """Return the body as JSON."""
        return json.loads(self.text)

    @property
    def problem(self) -> str:
        """Return the name of the problem, if it is one."""
        is_problem = "problem+json" in self.headers.get("content-type", "")
        return str(self.body["type"]).rpartition(":")[2] if is_problem else ""


class Request(NamedTuple):
    """A request, with JSON, a form, or a content with its type."""

    method: str
    path: str
    data: Mapping[str, object] | None = None
    form: Mapping[str, object] | None = None
    headers: Mapping[str, str] = {}
    content: tuple[str, bytes] | None = None

    def to_bytes(self) -> bytes:
        """Return it as it is sent."""
        body, headers = b"", {"host": "127.0.0.1", **self.headers}
        if self.data is not None:
            body = json.dumps(self.data).encode()
            headers["content-type"] = "application/json"
        elif self.form is not None:
            body = urlencode(self.form).encode()
            headers["content-type"] = "application/x-www-form-urlencoded"
        elif self.content is not None:
            headers["content-type"], body = self.content
        headers["content-length"] = str(len(body))
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body


class Client:
    """A connection, and cookies like a browser's."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.cookies: dict[str, str] = {}

    async def send(self, request: Request) -> Response:
        """Send a request and return the response.

        Raises:
            Broken: there was none.
        """
        reader, writer = await self._connect()
        try:
            writer.write(self._with_cookies(request).to_bytes())
            async with asyncio.timeout(PATIENCE):
                response = await self._read(reader)
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            raise Broken(f"{request.method} {request.path}: {error!r}") from error
        return response

    async def cut(self, request: Request, after: float, share: float = 1) -> None:
        """Send a request, or a share of its bytes, and close the connection some seconds later."""
        _, writer = await self._connect()
        whole = self._with_cookies(request).to_bytes()
        writer.write(whole[: int(len(whole) * share)])
        await asyncio.sleep(after)
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._streams:
            self._streams[1].close()
        self._streams = None

    def _with_cookies(self, request: Request) -> Request:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**request.headers, **({"cookie": cookies} if cookies else {})}
        return request._replace(headers=headers)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None or self._streams[0].at_eof():  # closed because it was idle
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        return self._streams

    async def _read(self, reader: asyncio.StreamReader) -> Response:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in filter(None, head[1:]):
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
            if name.lower() == "set-cookie":
                self._keep(value)
        status = int(head[0].split()[1])
        if headers.get("transfer-encoding") == "chunked":
            body = await _read_chunks(reader)
        else:
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            self.close()
        return Response(status, headers, body.decode(errors="replace"))

    def _keep(self, header: str) -> None:
        for name, cookie in SimpleCookie(header).items():
            if cookie.value and cookie["max-age"] != "0":
                self.cookies[name] = cookie.value
            else:
                self.cookies.pop(name, None)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body
