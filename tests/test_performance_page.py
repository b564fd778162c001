"""Writing docs/performance.md, its pictures and tables; nothing is measured."""

import argparse
import re
import subprocess
import sys
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from benchmarks import __main__ as everything
from benchmarks import admin, page, scale, split
from benchmarks.chart import draw, plot
from benchmarks.goals import at_least, at_most, write
from benchmarks.stacks import OURS
from fireup import PROJECT
from tests.baking import TEMPLATE
from tests.test_docs import LINK


def test_section_is_replaced_and_the_rest_unchanged(tmp_path: Path) -> None:
    page.write_section("scale", "Some figures.", tmp_path)
    page.write_section("crowd", "| a table |", tmp_path)
    page.write_section("scale", "Newer figures.\n", tmp_path)

    written = (tmp_path / "performance.md").read_text(encoding="utf-8")
    expected = page.EMPTY.read_text(encoding="utf-8")
    for name, text in (("scale", "Newer figures."), ("crowd", "| a table |")):
        before = f"<!-- {name} -->\nNot measured yet.\n"
        assert before in expected
        expected = expected.replace(before, f"<!-- {name} -->\n{text}\n")
    assert written == expected


def test_every_part_has_a_section_on_the_page(tmp_path: Path) -> None:
    for part in everything.PARTS:
        page.write_section(part, "Measured.", tmp_path)

    written = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert "Not measured yet" not in written
    assert all((TEMPLATE / "docs" / link).exists() for link in LINK.findall(written))


def test_long_lines_are_wrapped_but_not_tables(tmp_path: Path) -> None:
    words, row = "word " * 60, f"| {'cell ' * 60} |"
    page.write_section("scale", f"### Title\n\n{words}\n\n{row}", tmp_path)

    written = (tmp_path / "performance.md").read_text(encoding="utf-8")
    section = written.partition("<!-- scale -->\n")[2].partition("<!-- /scale -->")[0].splitlines()
    assert section[:2] == ["### Title", ""]
    assert section[-2:] == ["", row]
    assert " ".join(section[2:-2]) == words.strip()
    assert max(map(len, section[2:-2])) <= 120


def test_goals_of_measured_parts_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad, absent = at_least("a", 2, 2.5), at_most("b", 2, 2.5), at_most("c", 2, None)
    page.write_section("requests", f"Text.\n\n{write([good, bad])}\nMore.", tmp_path)
    page.write_section("scale", write([absent]), tmp_path)
    rows = {part: page.goal_rows(part, tmp_path) for part in everything.PARTS}
    monkeypatch.setattr(page, "goal_rows", rows.__getitem__)

    assert everything.summary(["requests", "crowd", "scale"]).splitlines() == [
        "| a | ≥ 2 | 2.5 | reached |",
        "| b | ≤ 2 | 2.5 | missed |",
        f"| c | ≤ 2 | {absent.figure} | not measured |",
        "",
        "Goals: 3, of which 2 not reached.",
    ]
    assert everything.summary(["tools"]).strip() == "Goals: 0, of which 0 not reached."


def test_options_reach_the_parts_that_have_them() -> None:
    options = argparse.Namespace(rounds=7, minutes=None, database="postgresql://h/d")
    given = {part: everything.command(part, options)[3:] for part in everything.PARTS}

    database = ["--write", "--database", "postgresql://h/d"]
    assert given["requests"] == [*database, "--rounds", "7"]
    assert given["split"] == database
    assert given["tools"] == ["--write"]


@pytest.mark.parametrize("module", ["", *(f".{part}" for part in everything.PARTS)])
def test_every_part_documents_its_command(module: str) -> None:
    command = [sys.executable, "-B", "-m", f"benchmarks{module}", "--help"]
    done = subprocess.run(command, cwd=TEMPLATE, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert f"python3 -m benchmarks{module}" in done.stdout


def test_figures_become_bars() -> None:
    drawn = fromstring(draw({"item": {"one & all": 1.0, OURS: 2.5}}, OURS))  # noqa: S314 - ours

    words = [element.text for element in drawn.iter() if element.tag.endswith("text")]
    assert words == ["item", "one & all", "1.00", OURS, "2.50"]


def test_figures_become_lines() -> None:
    figures = {"here & there": {10_000: 2.0, 100_000: 4.0}, "flat": {10_000: 3.0, 100_000: 3.0}}

    drawn = fromstring(plot("ms", figures))  # noqa: S314 - ours

    words = [element.text for element in drawn.iter() if element.tag.endswith("text")]
    assert words == ["ms", "10,000", "100,000", "2", "5", "here & there", "flat"]
    lines = [
        [tuple(map(float, point.split(","))) for point in element.attrib["points"].split()]
        for element in drawn.iter()
        if element.tag.endswith("polyline")
    ]
    (low, high), (left, right) = lines
    assert low[1] > left[1] == right[1] > high[1]  # an SVG counts from its top
    assert low[0] == left[0] < high[0] == right[0]


def test_growth_is_judged() -> None:
    quick, slow = [1.0, 1.0, 9.0], [1.0, 1.5, 2.0]
    found = {name: {scale.COMPARED: quick, scale.MOST: quick} for name in scale.JUDGED}
    found["one note"] = {scale.COMPARED: quick, scale.MOST: slow}

    rows = scale.verdict(found).splitlines()[2:]

    assert rows == [
        "| first page | ≤ 1.2 | 1.00 | reached |",
        "| a deep page | ≤ 1.2 | 1.00 | reached |",
        "| one note | ≤ 1.2 | 1.50 | missed |",
    ]


def test_pages_of_the_admin_are_judged() -> None:
    slow, fast = [(140.0, 200), (160.0, 200), (900.0, 200)], [(30.0, 200)]
    found = {"first page": {OURS: fast}, "page 36,001": {OURS: slow}, "search": {OURS: slow}}

    assert [goal[:] for goal in admin.judge(found)] == [
        ("first page, milliseconds", "≤ 150", "30", "reached"),
        ("page 36,001, milliseconds", "≤ 150", "160", "missed"),
    ]


SERVED = "Server.run (uvicorn/server.py)"
HANDLED = f"{SERVED};get_request_handler.<locals>.app (fastapi/routing.py)"


@pytest.mark.parametrize(
    ("stack", "part"),
    [
        pytest.param(SERVED, "server", id="server"),
        pytest.param(f"{SERVED};Lock.acquire (/lib/asyncio/locks.py)", "event loop", id="loop"),
        pytest.param(HANDLED, "dependencies", id="fastapi"),
        pytest.param(f"{SERVED};APIRoute.matches (fastapi/routing.py)", "routing", id="route"),
        pytest.param(
            f"{HANDLED};verify (app/accounts/credentials/access_tokens.py)",
            "token check",
            id="token",
        ),
        pytest.param(f"{HANDLED};check (app/features/notes/service.py)", "the feature", id="app"),
        pytest.param(f"{HANDLED};check (app/errors.py)", "the project's other", id="app-other"),
        pytest.param(f"{HANDLED};root (/x/app/features/notes/list.html)", "pages", id="template"),
        pytest.param(
            f"{HANDLED};LogFormatter.format (app/api/logs.py)", "request log", id="logging"
        ),
        pytest.param(f"{HANDLED};serialize_response (fastapi/x.py)", "serialization", id="json"),
        pytest.param(
            f"{HANDLED};Session.get (sqlalchemy/orm/session.py);wraps (/lib/functools.py)",
            "SQLAlchemy: sessions",
            id="orm-and-what-it-calls",
        ),
        pytest.param(f"{HANDLED};collected (/x/split_inside.py)", "garbage", id="collector"),
        pytest.param("_run_code (<frozen runpy>)", "other", id="nothing-known"),
    ],
)
def test_samples_count_for_the_innermost_part(stack: str, part: str) -> None:
    assert split.part_of(stack).startswith(part)


def test_parts_name_modules_of_the_project() -> None:
    named = {path for pattern in split.PARTS for path in re.findall(r"app/[\w/]+", pattern)}

    assert len(named) > 5
    for path in named:
        assert list(PROJECT.glob(f"{path.rstrip('/')}*")), path


def test_samples_become_shares() -> None:
    counted = split.shares(
        [f"{HANDLED} 3", f"{HANDLED};wraps (/lib/functools.py) 2", f"{SERVED} 5"]
    )

    assert counted.total() == 10
    assert f"| {split.part_of(HANDLED)} | 50.0% |" in split.write({"item": counted})
