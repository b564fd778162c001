"""Command line options, and figures as Markdown tables."""

import argparse
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from benchmarks.figures import Found

LOAD_WHEN_QUIET = 0.5


def command_line(module: str) -> argparse.ArgumentParser:
    """Return the parser of benchmarks on PostgreSQL."""
    parser = writing_command_line(module)
    parser.add_argument(
        "--database", default="", help="PostgreSQL server (default: the tests' own)"
    )
    return parser


def writing_command_line(module: str) -> argparse.ArgumentParser:
    """Return the parser of benchmarks with a part of the page."""
    parser = argparse.ArgumentParser(prog=f"python3 -m benchmarks.{module}")
    parser.add_argument(
        "--write", action="store_true", help="write its part of docs/performance.md"
    )
    return parser


def machine(load: float) -> str:
    """Describe the date, the machine and its load before the run."""
    busy = (
        ""
        if load < LOAD_WHEN_QUIET
        else "\nThe machine was not idle, so the figures are approximate."
    )
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with {os.cpu_count()} cores"
        f" ({platform.machine()}) and CPython {platform.python_version()}; the load was"
        f" {load:.1f} before.{busy}"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are figures."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def tables(found: Mapping[str, Found], workloads: Sequence[str]) -> dict[str, str]:
    """Return one table per type of figure, by title."""
    cells: dict[str, Callable[[Found, str], str]] = {
        "Requests a second, as a multiple of L4": ratio,
        "Requests a second, in the best burst": lambda one, name: f"{one.best(name).rate:,.0f}",
        "Milliseconds, median and 99th percentile": _latency,
        "CPU time of the server per request, in microseconds": lambda one, name: (
            f"{one.cpu_us(name):,.0f}"
        ),
    }
    written = {
        title: table(
            ["", *workloads],
            [
                [who, *(cell(one, name) if name in one.pairs else "" for name in workloads)]
                for who, one in found.items()
            ],
        )
        for title, cell in cells.items()
    }
    written["Start and memory"] = table(
        ["", "seconds to the first response", "MiB after the load"],
        [[who, f"{one.cold_start:.2f}", f"{one.memory_mib:.0f}"] for who, one in found.items()],
    )
    return written


def ratio(one: Found, workload: str) -> str:
    """Write the median and its spread."""
    ratios = one.ratios(workload)
    return f"{one.ratio(workload):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"


def _latency(one: Found, workload: str) -> str:
    best = one.best(workload)
    return f"{best.p50_ms:.1f} / {best.p99_ms:.1f}"
