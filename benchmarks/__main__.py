"""Measure everything in docs/performance.md.

    python3 -m benchmarks [--database URL]

Each benchmark writes its part of the page and its picture. If one fails, such as for want of wrk
or valgrind, the next one runs. Use an idle machine; see benchmarks/README.md for how long it takes.
"""

import argparse
import subprocess
import sys

PARTS = ("requests", "split", "scale", "crowd", "instructions", "tools", "admin", "search")
WITHOUT_POSTGRESQL = ("tools",)


def main() -> int:
    """Run all benchmarks; return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks", description=__doc__)
    parser.add_argument("--database", default="", help="PostgreSQL server for all benchmarks")
    database = parser.parse_args().database
    failed = []
    for part in PARTS:
        print(f"\n# {part}\n", flush=True)
        line = [sys.executable, "-m", f"benchmarks.{part}", "--write"]
        if database and part not in WITHOUT_POSTGRESQL:
            line += ["--database", database]
        if subprocess.call(line):
            failed.append(part)
    print(f"\nNot measured: {', '.join(failed)}" if failed else "\nEverything was measured.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
