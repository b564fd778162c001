"""Responses with a file: ranges, validators, and headers that keep its content from acting as a page of this site."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from app.api.error_handlers import openapi_responses
from app.errors import Problem
from app.files.models import File, thumbnail_key
from app.files.store import FileStore

SIGNED_URL_TTL = timedelta(seconds=60)
_INLINE = re.compile(r"(image|audio|video)/|text/plain$")
_SANDBOX = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
_BYTES = {"schema": {"type": "string", "format": "binary"}}
# Generated clients read the first type, as bytes.
_CONTENT = {"application/octet-stream": _BYTES, "*/*": _BYTES}


class FileContent(Response):
    """Response class of such routes: `@router.get(…, response_class=FileContent, responses=FILE_RESPONSES)`."""


class RangeNotSatisfiable(Problem):
    """The requested range starts after the end of the file."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    title = "No such range"


FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file, with its own type", "content": _CONTENT},
    206: {"description": "The requested range", "content": _CONTENT},
    304: {"description": "Not modified since the `ETag` in `If-None-Match`"},
    **openapi_responses(RangeNotSatisfiable),
}
"""OpenAPI responses of a route that returns a file."""


async def file_response(
    request: Request, store: FileStore, file: File, *, size: int | None = None, download: bool = False
) -> Response:
    """Return a file to show, if its type is safe, or else to download (RFC 9110 §13 and §14, RFC 6266).

    `size` asks for the smallest thumbnail of at least this many pixels; without one, the file itself is returned.
    Downloads from a cloud store are redirected to a signed URL if FILES_REDIRECT is set.

    Raises:
        FileMissing: the store doesn't have it.
        RangeNotSatisfiable: the range starts after its end.
        StoreUnavailable: the store doesn't respond.
    """
    thumbnail = min((made for made in file.thumbnails if size and made >= size), default=None)
    tag = f'"{file.sha256[:32]}{f"-{thumbnail}" if thumbnail else ""}"'
    is_inline = bool(_INLINE.match(file.media_type)) and not download
    headers = _headers(file, tag, is_inline=is_inline)
    if tag in _tags(request.headers.get("if-none-match", "")):
        return Response(None, HTTPStatus.NOT_MODIFIED, headers)
    if thumbnail:
        headers |= attachment(f"{file.name}.webp", "image/webp", is_inline=is_inline)
        return Response(await store.read(thumbnail_key(file.key, thumbnail)), headers=headers)
    if store.is_cloud and request.state.settings.files.redirect and not is_inline:
        url = await store.sign_url(file.key, SIGNED_URL_TTL)
        return RedirectResponse(url, headers={"Cache-Control": "no-store"})
    return await _stream(request, store, file, headers, tag)


def attachment(name: str, media_type: str, *, is_inline: bool = False) -> dict[str, str]:
    """Return the headers of a download, or of what a browser may show."""
    # `filename` is for clients without `filename*`. https://www.rfc-editor.org/rfc/rfc6266#appendix-D
    plain = re.sub(r'[^ -~]|["\\%]', "_", name)
    disposition = (
        f"{'inline' if is_inline else 'attachment'}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    )
    return {"Content-Type": media_type, "Content-Disposition": disposition}


async def _stream(request: Request, store: FileStore, file: File, headers: dict[str, str], tag: str) -> Response:
    start, end = 0, file.size
    status = HTTPStatus.OK
    if request.headers.get("if-range", tag) == tag and (asked := _parse_range(request.headers.get("range", ""), end)):
        start, end = asked
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    headers["Content-Length"] = str(end - start)
    if request.scope.get("is_head"):
        return Response(None, status, headers)
    chunks = store.stream(file.key, start, end)
    first = await anext(chunks)  # so that an error of the store becomes a response

    return StreamingResponse(_content(first, chunks), status, headers)


async def _content(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def _headers(file: File, tag: str, *, is_inline: bool) -> dict[str, str]:
    return {
        **attachment(file.name, file.media_type, is_inline=is_inline),
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": _SANDBOX,
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def _parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return start and end of one range of bytes; None for no range, several or another unit, which are ignored."""
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", header.replace(" ", ""))
    if not match or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        problem = RangeNotSatisfiable(f"The file has {size} bytes.")
        problem.headers = {"Content-Range": f"bytes */{size}"}
        raise problem
    return start, end
