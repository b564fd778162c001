"""What split.py runs with a project's packages: `app serve`, which looks at itself.

`python -m benchmarks.split_inside PORT FILE` looks each time that it has computed for some
milliseconds. At SIGUSR1 it writes the functions that it saw under way to the file, a stack on each
line with how often it was seen, and begins anew.
"""

import gc
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from app.commands.serve import serve

COMPUTED = 0.002
"""Seconds of the processor from one look to the next."""
HERE = f"{Path.cwd()}/"
looks: list[Counter[str]] = [Counter()]
"""The last is counted in; those before are written."""


def look(_: int, frame: FrameType | None) -> None:
    """Count the functions under way, the innermost last."""
    stack = []
    while frame:
        code = frame.f_code
        file = code.co_filename.rpartition("site-packages/")[2].removeprefix(HERE)
        stack.append(f"{code.co_qualname} ({file})")
        frame = frame.f_back
    looks[-1][";".join(reversed(stack))] += 1


def collected(_: str, __: dict[str, int]) -> None:
    """Be the first function after the collector, at which a look while it works arrives."""


def main(port: str, file: str) -> None:
    """Serve, and look."""

    def write(_: int, __: FrameType | None) -> None:
        looks.append(Counter())  # the next look may come at any moment
        lines = "".join(f"{stack} {times}\n" for stack, times in looks.pop(0).items())
        Path(f"{file}.part").write_text(lines, encoding="utf-8")
        Path(f"{file}.part").rename(file)

    signal.signal(signal.SIGPROF, look)
    signal.signal(signal.SIGUSR1, write)
    gc.callbacks.append(collected)
    signal.setitimer(signal.ITIMER_PROF, COMPUTED, COMPUTED)
    serve(host="127.0.0.1", port=int(port), workers=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
