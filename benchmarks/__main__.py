"""Everything that docs/performance.md tells, measured again.

    python3 -m benchmarks [--database URL]

Each benchmark writes its part of the page and its picture. When one does not work, as for want of
wrk or of valgrind, it says so, and the next one has its turn. Do it on a machine that nobody else
uses, and see benchmarks/README.md for how long it takes.
"""

import argparse
import subprocess
import sys

PARTS = ("requests", "split", "scale", "crowd", "instructions", "tools", "admin", "search")
WITHOUT_POSTGRESQL = ("tools",)


def main() -> int:
    """Run all, and return 1 when one did not work."""
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks", description=__doc__)
    parser.add_argument("--database", default="", help="a PostgreSQL server for all")
    database = parser.parse_args().database
    failed = []
    for part in PARTS:
        print(f"\n# {part}\n", flush=True)
        line = [sys.executable, "-m", f"benchmarks.{part}", "--write"]
        if database and part not in WITHOUT_POSTGRESQL:
            line += ["--database", database]
        if subprocess.call(line):
            failed.append(part)
    print(f"\nNot measured: {', '.join(failed)}" if failed else "\nAll was measured.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
