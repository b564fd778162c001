"""Images are encoded again, within limits."""

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.files.helpers import HTML, image_bytes, stored_keys
from tests.support import problem_of

PICTURES = "/api/v1/test-files/pictures"
FILES = "/api/v1/test-files"

pytestmark = pytest.mark.any_database


def upload(client: TestClient, content: bytes) -> tuple[dict[str, Any], Image.Image, bytes]:
    """Upload an image; return what the API says, the stored image and its bytes."""
    response = client.put(PICTURES, content=content)
    assert response.status_code == 200, response.text
    stored = client.get(f"{FILES}/{response.json()['id']}").content
    return response.json(), Image.open(BytesIO(stored)), stored


def color_at(image: Image.Image, x: int, y: int) -> str:
    """Return the color of a pixel, whatever the encoding lost."""
    red, green, blue, alpha = image.convert("RGBA").crop((x, y, x + 1, y + 1)).tobytes()
    assert green < 30
    assert alpha == 255
    return "red" if red > 200 > blue else "blue" if blue > 200 > red else f"{red}, {blue}"


def rejection(client: TestClient, content: bytes) -> str:
    """Return the message of a rejected image."""
    before = stored_keys(client)
    problem = problem_of(client.put(PICTURES, content=content))
    assert problem["status"] == 422
    assert problem["errors"][0]["loc"] == ["body", "picture"]
    assert stored_keys(client) == before
    return str(problem["errors"][0]["msg"])


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp"), ("GIF", "image/png")],
)
def test_image_keeps_its_pixels(as_ada: TestClient, kind: str, media_type: str) -> None:
    file, image, _ = upload(as_ada, image_bytes(kind))

    assert (file["media_type"], file["width"], file["height"]) == (media_type, 40, 30)
    assert Image.MIME[image.format or ""] == media_type
    assert color_at(image, 5, 5) == "red"
    assert color_at(image, 5, 25) == "blue"


def test_metadata_is_removed(as_ada: TestClient) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET camera"
    exif.get_ifd(0x8825)[1] = "N"
    content = image_bytes("JPEG", exif=exif.tobytes(), comment=b"SECRET comment", xmp=b"<x>SECRET</x>")
    assert content.count(b"SECRET") == 3

    _, image, stored = upload(as_ada, content)

    assert b"SECRET" not in stored
    assert not image.getexif()
    assert not {"comment", "xmp", "icc_profile", "exif"} & {*image.info}


def test_text_in_a_png_is_removed(as_ada: TestClient) -> None:
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    text = PngInfo()
    text.add_text("Comment", HTML.decode())

    _, _, stored = upload(as_ada, image_bytes("PNG", pnginfo=text))

    assert b"script" not in stored


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_bytes_after_the_image_are_removed(as_ada: TestClient, kind: str) -> None:
    _, _, stored = upload(as_ada, image_bytes(kind) + b"PK\x03\x04" + HTML)

    assert b"script" not in stored
    assert b"PK\x03\x04" not in stored


def test_orientation_is_applied(as_ada: TestClient) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise

    file, image, _ = upload(as_ada, image_bytes("JPEG", exif=exif.tobytes()))

    assert (file["width"], file["height"]) == (30, 40)
    assert color_at(image, 25, 20) == "red"
    assert color_at(image, 5, 20) == "blue"


def test_only_the_first_frame_is_kept(as_ada: TestClient) -> None:
    frames = [Image.new("RGB", (10, 10), color) for color in ("red", "blue", "green")]
    output = BytesIO()
    frames[0].save(output, "GIF", save_all=True, append_images=frames[1:])

    _, image, _ = upload(as_ada, output.getvalue())

    assert getattr(image, "n_frames", 1) == 1
    assert color_at(image, 5, 5) == "red"


def test_transparency_is_kept(as_ada: TestClient) -> None:
    output = BytesIO()
    Image.new("RGBA", (10, 10), (255, 0, 0, 0)).save(output, "PNG")

    _, image, _ = upload(as_ada, output.getvalue())

    assert image.convert("RGBA").tobytes() == bytes(Image.new("RGBA", (10, 10), (255, 0, 0, 0)).tobytes())


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "I;16"])
def test_unusual_pixels_are_converted(as_ada: TestClient, mode: str) -> None:
    output = BytesIO()
    Image.new(mode, (10, 10)).save(output, "JPEG" if mode == "CMYK" else "PNG")

    _, image, _ = upload(as_ada, output.getvalue())

    assert image.mode == "RGB"


def test_large_image_is_scaled_down(as_ada: TestClient) -> None:
    file, image, _ = upload(as_ada, image_bytes("JPEG", 1200, 300))

    assert (file["width"], file["height"]) == image.size == (500, 125)


def test_photo_with_many_pixels_is_decoded_at_a_fraction(as_ada: TestClient) -> None:
    file, _, _ = upload(as_ada, image_bytes("JPEG", 8000, 4000))

    assert (file["width"], file["height"]) == (500, 250)


def png_header(width: int, height: int) -> bytes:
    """Return a small PNG that says it has this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("width", "height"), [(5001, 5000), (60_000, 60_000), (2_000_000_000, 2_000_000_000)])
def test_pixel_bomb_is_rejected(as_ada: TestClient, width: int, height: int) -> None:
    assert rejection(as_ada, png_header(width, height)) == "The image has too many pixels"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(image_bytes("PNG", 400, 400)[:200], id="truncated-png"),
        pytest.param(image_bytes("JPEG", 400, 400)[:500], id="truncated-jpeg"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + HTML, id="html-behind-a-signature"),
        pytest.param(b"\xff\xd8\xff" + bytes(100), id="nothing-behind-a-signature"),
        pytest.param(png_header(0, 0), id="no-pixels"),
    ],
)
def test_damaged_image_is_rejected(as_ada: TestClient, content: bytes) -> None:
    assert rejection(as_ada, content) == "The image is damaged"
