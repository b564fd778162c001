"""The documentation's screenshots, taken by the browser tests.

`UPDATE_PICTURES=1 python3 fireup.py test tests/test_browser.py tests/test_browser_admin.py` updates
them. Otherwise only their sizes are compared, because fonts differ between machines.
"""

import os
import shutil
import struct
from pathlib import Path

from tests.baking import TEMPLATE

PICTURES = TEMPLATE / "docs" / "images"
LARGEST_PICTURE_BYTES = 150_000


def compare_pictures(taken: Path) -> None:
    """Compare the pictures in a folder with the committed ones."""
    for new in sorted(taken.glob("*.png")):
        kept = PICTURES / new.name
        if os.environ.get("UPDATE_PICTURES"):
            shutil.copy(new, kept)
        assert kept.is_file(), f"run this with UPDATE_PICTURES=1: {kept} is missing"
        assert _size_of(kept) == _size_of(new)
        assert kept.stat().st_size < LARGEST_PICTURE_BYTES


def _size_of(picture: Path) -> tuple[int, int]:
    """Read width and height of a PNG file."""
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return width, height
