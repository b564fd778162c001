"""Measure everything in docs/performance.md.

    python3 -m benchmarks [PART ...] [--rounds N] [--minutes N] [--database URL]

Each benchmark writes its part of the page and its picture. If one fails, such as for want of wrk
or valgrind, the next one runs. At the end, all goals are listed. Use an idle machine; see
benchmarks/README.md for how long it takes.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks import page

PARTS = (
    *("requests", "split", "instructions", "admin_list", "admin", "scale", "crowd", "live", "jobs"),
    *("tools", "search", "lighthouse"),
)
WITHOUT_POSTGRESQL = ("tools", "lighthouse")


def command(part: str, options: argparse.Namespace) -> list[str]:
    """Return the command that measures a part."""
    line = [sys.executable, "-m", f"benchmarks.{part}", "--write"]
    if options.database and part not in WITHOUT_POSTGRESQL:
        line += ["--database", options.database]
    for name in ("rounds", "minutes") if part == "requests" else ():
        value = getattr(options, name)
        line += [f"--{name}", str(value)] if value else []
    return line


def summary(measured: Sequence[str]) -> str:
    """Return the goals of the parts that were measured."""
    rows = [row for part in measured for row in page.goal_rows(part)]
    missed = [row for row in rows if not row.endswith("| reached |")]
    listed = "".join(f"{row}\n" for row in rows)
    return f"{listed}\nGoals: {len(rows)}, of which {len(missed)} not reached."


def main() -> int:
    """Run the benchmarks; return 1 if one failed."""
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", help=f"default: {' '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, help="of requests: pairs of bursts")
    parser.add_argument("--minutes", type=float, help="of requests: time limit")
    parser.add_argument("--database", default="", help="PostgreSQL server for all benchmarks")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"not a part: {', '.join(sorted(unknown))}")
    parts = options.parts or PARTS
    failed = []
    for number, part in enumerate(parts, 1):
        print(f"\n# {part} ({number} of {len(parts)}, {time.strftime('%H:%M')})\n", flush=True)
        if subprocess.call(command(part, options)):
            failed.append(part)
    print(f"\n# goals\n\n{summary([part for part in parts if part not in failed])}")
    print(f"Not measured: {', '.join(failed)}." if failed else "Everything was measured.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
