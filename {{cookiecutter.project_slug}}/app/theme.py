"""The theme: `theme.css` has the colors, sizes and fonts of pages, admin, API docs, emails and the icon."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

STYLESHEET = Path(__file__).with_name("theme.css")

_COLOR = re.compile(r"--([\w-]+): light-dark\((#\w+), (#\w+)\);")


class Color(NamedTuple):
    """A color in the light and in the dark theme, such as `#b93c0b`."""

    light: str
    dark: str


def read_colors() -> Mapping[str, Color]:
    """Read the colors by name, for emails and the icon, which can't use the style sheet."""
    return {name: Color(light, dark) for name, light, dark in _COLOR.findall(STYLESHEET.read_text(encoding="utf-8"))}
