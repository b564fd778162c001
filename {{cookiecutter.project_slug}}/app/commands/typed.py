"""How a person types the commands of this project: messages say `app …`, and this names the program before it."""

import os
import re
import sys
from pathlib import Path

DEV = "DEV_PY"
"""Set by `dev.py` to what was typed to start it: `python3 dev.py`."""


def as_typed(text: str) -> str:
    """Write each `app …` in a message as it is typed where this process was started."""
    dev = os.environ.get(DEV)
    if dev:
        text = text.replace("`app serve", f"`{dev} run")
    return re.sub(r"`app (?=\w)", f"`{_program(dev)} ", text)


def _program(dev: str | None) -> str:
    if dev:
        return f"{dev} app"
    if "UV_RUN_RECURSION_DEPTH" in os.environ:  # set by `uv run`
        return "uv run app"
    return "python -m app" if Path(sys.argv[0]).name == "__main__.py" else "app"
