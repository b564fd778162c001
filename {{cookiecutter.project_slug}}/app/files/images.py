"""Images are decoded and encoded again: without metadata such as places, and without what else their bytes may be."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from typing import NamedTuple

from PIL import Image, ImageCms, ImageOps

from app.i18n import gettext_noop

MAX_PIXELS = 25_000_000
"""Maximum size of a decoded image: 100 MB of memory. Larger JPEGs are decoded at a fraction of their size."""
QUALITY = 85
_THREADS = ThreadPoolExecutor(2, "images")  # few, because of the memory
_ENCODED_AS = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WEBP", "GIF": "PNG"}
_SRGB = ImageCms.createProfile("sRGB")

# `_open` has a stricter limit, without a warning.
Image.MAX_IMAGE_PIXELS = None


class InvalidImage(ValueError):
    """The bytes aren't an image, or it has too many pixels."""


class EncodedImage(NamedTuple):
    """An image that was encoded."""

    data: bytes
    media_type: str
    width: int
    height: int


async def encode_image(data: bytes, max_side: int) -> EncodedImage:
    """Encode an image again: upright, its first frame, in sRGB, at most `max_side` pixels wide and high.

    JPEG, PNG and WebP keep their format; GIF becomes PNG.

    Raises:
        InvalidImage: the bytes aren't an image, or it has more than `MAX_PIXELS`.
    """
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _encode, data, max_side, None)


async def make_thumbnail(data: bytes, max_side: int) -> EncodedImage:
    """Return a WebP image of at most `max_side` pixels wide and high; see `encode_image`."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _encode, data, max_side, "WEBP")


def _encode(data: bytes, max_side: int, target: str | None) -> EncodedImage:
    try:
        with Image.open(BytesIO(data), formats=tuple(_ENCODED_AS)) as source:
            target = target or _ENCODED_AS[source.format or ""]
            _limit_pixels(source, max_side)
            image = _normalize(source, target)
    except InvalidImage:
        raise
    except Exception as error:  # damaged images raise errors of any kind
        raise InvalidImage(gettext_noop("The image is damaged")) from error
    image.thumbnail((max_side, max_side))
    output = BytesIO()
    image.save(output, target, quality=QUALITY)
    return EncodedImage(output.getvalue(), f"image/{target.lower()}", image.width, image.height)


def _limit_pixels(source: Image.Image, max_side: int) -> None:
    if source.width * source.height > MAX_PIXELS:
        source.draft("RGB", (max_side // 2, max_side // 2))  # only JPEG
    if source.width * source.height > MAX_PIXELS:
        raise InvalidImage(gettext_noop("The image has too many pixels"))


def _normalize(source: Image.Image, target: str) -> Image.Image:
    """Return the first frame upright, in RGB or, if it has transparency, RGBA, and without metadata."""
    source.load()
    image = ImageOps.exif_transpose(source)
    if source.info.get("icc_profile"):
        with suppress(ImageCms.PyCMSError, OSError):  # a damaged profile
            image = _convert_to_srgb(image, source.info["icc_profile"])
    image = image.convert("RGBA" if image.has_transparency_data and target != "JPEG" else "RGB")
    image.info = {}
    return image


def _convert_to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    if image.mode not in {"RGB", "RGBA", "CMYK"}:
        return image
    own, mode = ImageCms.ImageCmsProfile(BytesIO(profile)), "RGBA" if image.mode == "RGBA" else "RGB"
    return ImageCms.profileToProfile(image, own, _SRGB, outputMode=mode) or image
