"""Writes docs/performance.md and its pictures, part by part."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import fireup
from benchmarks import chart, goals, report
from benchmarks.figures import Found
from benchmarks.stacks import APPS, OURS

DOCS = fireup.TEMPLATE / "docs"
EMPTY = Path(__file__).with_suffix(".md")
"""The page without measurements."""
DRAWN = ("item", "page 1", "create")
PACKAGES = (
    *("fastapi", "starlette", "pydantic", "sqlalchemy", "asyncpg", "uvicorn", "granian"),
    *("litestar", "sqlmodel", "psycopg", "django", "djangorestframework"),
)


def report_section(name: str, text: str, *, write: bool) -> None:
    """Print a part of the page, and write it with `--write`."""
    print(f"\n{text}")
    if write:
        write_section(name, text)


def write_section(name: str, text: str, docs: Path = DOCS) -> None:
    """Replace a part of the page, between its markers."""
    page = docs / "performance.md"
    written = (page if page.exists() else EMPTY).read_text(encoding="utf-8")
    first, last = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    before, mark, rest = written.partition(first)
    assert mark, f"{page} has no part {name}"
    after = rest.partition(last)[2]
    page.write_text(f"{before}{first}{text.strip()}\n{last}{after}", encoding="utf-8")


def write_picture(name: str, drawing: str, docs: Path = DOCS) -> None:
    """Write a picture of the page."""
    (docs / "images" / name).write_text(drawing, encoding="utf-8")


def write_requests(
    found: Mapping[str, Found], statements: Mapping[str, int], load: float, rounds: int
) -> None:
    """Write the part about requests and its picture."""
    panels = {
        f"{name}: requests a second, as a multiple of L4": {
            who: one.ratio(name) for who, one in found.items() if name in one.pairs
        }
        for name in DRAWN
    }
    write_picture("performance.svg", chart.draw(panels, OURS))
    write_section(
        "requests",
        f"{report.machine(load)} {rounds} rounds.\n\n{versions()}.\n\n"
        "![Requests a second, as a multiple of L4](images/performance.svg)\n\n"
        f"### Goals\n\n{goal_table(found, statements)}"
        f"{sections(found, statements, list(statements))}",
    )


def versions() -> str:
    """Return the packages of the stacks and their versions."""
    text = (APPS / "requirements.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", text, re.MULTILINE))
    return ", ".join(f"{name} {pins[name]}" for name in PACKAGES)


def goal_table(found: Mapping[str, Found], statements: Mapping[str, int]) -> str:
    """Return a table of the goals and the figures."""
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
    """Return all tables with their titles."""
    tables = report.tables(found, names)
    tables["SQL statements of a request"] = report.table(
        ["", *names], [[OURS, *(str(statements[name]) for name in names)]]
    )
    return "".join(f"\n### {title}\n\n{text}" for title, text in tables.items())
