"""docs/performance.md and its picture."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import fireup
from benchmarks import chart, goals, report
from benchmarks.figures import Found
from benchmarks.stacks import APPS, OURS
from benchmarks.workloads import ITEMS

DRAWN = ("item", "page 1", "create")
PACKAGES = (
    *("fastapi", "starlette", "pydantic", "sqlalchemy", "asyncpg", "uvicorn", "granian"),
    *("litestar", "sqlmodel", "psycopg", "django", "djangorestframework"),
)
LOAD_WHEN_QUIET = 0.5
TEXT = Path(__file__).with_suffix(".md")


def write(
    found: Mapping[str, Found], statements: Mapping[str, int], load: float, rounds: int
) -> None:
    """Write both files."""
    names = list(statements)
    panels = {
        f"{name}: requests a second, as a multiple of L4": {
            who: one.ratio(name) for who, one in found.items() if name in one.pairs
        }
        for name in DRAWN
    }
    docs = fireup.TEMPLATE / "docs"
    (docs / "images" / "performance.svg").write_text(chart.draw(panels, OURS), encoding="utf-8")
    (docs / "performance.md").write_text(
        TEXT.read_text(encoding="utf-8").format(
            items=ITEMS,
            rounds=rounds,
            conditions=conditions(load),
            goals=goal_table(found, statements),
            tables=sections(found, statements, names),
        ),
        encoding="utf-8",
    )


def conditions(load: float) -> str:
    """Say when and where it was measured."""
    text = (APPS / "requirements.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", text, re.MULTILINE))
    versions = ", ".join(f"{name} {pins[name]}" for name in PACKAGES)
    busy = "" if load < LOAD_WHEN_QUIET else "\nOthers used the machine: the ratios are rough."
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with {os.cpu_count()} cores"
        f" ({platform.machine()}) and CPython {platform.python_version()}; the load was"
        f" {load:.1f} before.{busy}\n\n{versions}."
    )


def goal_table(found: Mapping[str, Found], statements: Mapping[str, int]) -> str:
    """Write what shall be reached, and what was."""
    return report.table(
        ["generated project, one process, PostgreSQL", "goal", "measured", ""],
        [
            [goal.what, goal.bound, goal.figure, "reached" if goal.reached else "missed"]
            for goal in goals.judge(found, statements)
        ],
    )


def sections(
    found: Mapping[str, Found], statements: Mapping[str, int], names: Sequence[str]
) -> str:
    """Write each table under its title."""
    tables = report.tables(found, names)
    tables["SQL statements of a request"] = report.table(
        ["", *names], [[OURS, *(str(statements[name]) for name in names)]]
    )
    return "".join(f"\n## {title}\n\n{text}" for title, text in tables.items())
