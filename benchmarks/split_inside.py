"""Run by split.py with a project's packages: `app serve` with a sampling profiler.

`python -m benchmarks.split_inside PORT FILE` samples its stack at intervals of CPU time. On SIGUSR1
it writes the samples to the file, one stack per line with the number of its samples, and starts
over.
"""

import gc
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from app.commands.serve import serve

SAMPLE_INTERVAL = 0.002
"""CPU seconds between samples."""
PROJECT_PREFIX = f"{Path.cwd()}/"
samples: list[Counter[str]] = [Counter()]
"""Samples are counted in the last; those before it are being written."""


def sample(_: int, frame: FrameType | None) -> None:
    """Count the current stack; the innermost function is last."""
    stack = []
    while frame:
        code = frame.f_code
        file = code.co_filename.rpartition("site-packages/")[2].removeprefix(PROJECT_PREFIX)
        stack.append(f"{code.co_qualname} ({file})")
        frame = frame.f_back
    samples[-1][";".join(reversed(stack))] += 1


def collected(_: str, __: dict[str, int]) -> None:
    """First function called after a garbage collection, where its samples arrive."""


def main(port: str, file: str) -> None:
    """Serve and sample."""

    def write(_: int, __: FrameType | None) -> None:
        samples.append(Counter())  # the next sample can be taken at any time
        lines = "".join(f"{stack} {times}\n" for stack, times in samples.pop(0).items())
        Path(f"{file}.part").write_text(lines, encoding="utf-8")
        Path(f"{file}.part").rename(file)

    signal.signal(signal.SIGPROF, sample)
    signal.signal(signal.SIGUSR1, write)
    gc.callbacks.append(collected)
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_INTERVAL, SAMPLE_INTERVAL)
    serve(host="127.0.0.1", port=int(port), workers=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
