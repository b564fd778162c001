"""Writes docs/performance.md and its pictures, part by part."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import fireup
from benchmarks import chart, goals, report
from benchmarks.figures import Found
from benchmarks.stacks import APPS, OURS
from benchmarks.workloads import PAGES

DOCS = fireup.TEMPLATE / "docs"
EMPTY = Path(__file__).with_suffix(".md")
"""The page without measurements."""
JUDGED = ("| reached |", "| missed |", "| not measured |")
WIDTH = 120
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
    page.write_text(f"{before}{first}{_wrap(text.strip())}\n{last}{after}", encoding="utf-8")


def _wrap(text: str) -> str:
    """Break long lines, except in tables."""
    lines = (
        [line] if line.startswith("|") else textwrap.wrap(line, WIDTH, break_on_hyphens=False)
        for line in text.splitlines()
    )
    return "\n".join("\n".join(wrapped) for wrapped in lines)


def goal_rows(name: str, docs: Path = DOCS) -> list[str]:
    """Return the table rows of a part that judge a figure."""
    text = (docs / "performance.md").read_text(encoding="utf-8")
    part = text.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->\n")[0]
    return [row for row in part.splitlines() if row.endswith(JUDGED)]


def write_picture(name: str, drawing: str, docs: Path = DOCS) -> None:
    """Write a picture of the page."""
    (docs / "images" / name).write_text(drawing, encoding="utf-8")


def write_requests(
    found: Mapping[str, Found],
    statements: Mapping[str, int],
    load: float,
    rounds: int,
    missing: Sequence[str] = (),
) -> None:
    """Write the part about requests and its picture."""
    panels = {
        f"{name}: requests a second, as a multiple of L4": {
            who: one.ratio(name) for who, one in found.items() if name in one.pairs
        }
        for name in DRAWN
        if any(name in one.pairs for one in found.values())
    }
    unmeasured = f" Not measured: {'; '.join(missing)}." if missing else ""
    write_picture("performance.svg", chart.draw(panels, OURS))
    write_section(
        "requests",
        f"{report.machine(load)} {rounds} rounds.{unmeasured}\n\n{versions()}.\n\n"
        "![Requests a second, as a multiple of L4](images/performance.svg)\n\n"
        f"### Goals\n\n{goals.write(goals.judge(found, statements))}"
        f"{sections(found, statements, tuple(PAGES))}",
    )


def versions() -> str:
    """Return the packages of the stacks and their versions."""
    text = (APPS / "requirements.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", text, re.MULTILINE))
    return ", ".join(f"{name} {pins[name]}" for name in PACKAGES)


def sections(
    found: Mapping[str, Found], statements: Mapping[str, int], names: Sequence[str]
) -> str:
    """Return all tables with their titles."""
    tables = report.tables(found, names)
    tables["SQL statements of a request"] = report.table(
        ["", *names], [[OURS, *(str(statements.get(name, "")) for name in names)]]
    )
    return "".join(f"\n### {title}\n\n{text}" for title, text in tables.items())
