"""Files for tests: bytes of images and documents, and what the store of the app has."""

from io import BytesIO
from typing import Any

from PIL import Image
from starlette.testclient import TestClient

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
TEXT = "Grüße, plain text.\n".encode()
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def image_bytes(kind: str = "PNG", width: int = 40, height: int = 30, **options: Any) -> bytes:
    """Return an image: red above blue. Options are those of Pillow's `save`."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (0, height // 2, width, height))
    output = BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()


def stored_keys(client: TestClient) -> set[str]:
    """Return the keys of the files in the store of the app."""
    store = client.app_state["files"]

    async def read() -> set[str]:
        return {entry.key async for batch in store.list() for entry in batch}

    assert client.portal is not None, "the app is not running"
    return client.portal.call(read)
