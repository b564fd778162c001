"""The contestants of benchmarks/requests.py return the same, and its figures become tables."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import requests
from benchmarks.figures import Burst, Found, Pair
from benchmarks.goals import judge
from benchmarks.load import Results
from benchmarks.report import tables
from benchmarks.requests import Race, measure
from benchmarks.servers import Contestant, served
from benchmarks.stacks import LIMIT, OURS, REFERENCE, Filled, Project, small_apps
from benchmarks.workloads import BY_OFFSET, HTML, PAGE, PAGES, WORKLOADS, Workload


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Filled]]:
    project = Project(tmp_path_factory.mktemp("benchmark"))
    with project.filled() as database:
        yield project, database


def responses_of(contestant: Contestant, logs: Path) -> dict[str, Any]:
    """Send each request once; return the responses without volatile fields."""
    with served(contestant, logs) as server:
        names = [name for name in contestant.workloads if name not in {"login", HTML}]
        found = {name: server.ask(contestant.workloads[name]) for name in names}
    for name in found.keys() & {"create", "change"}:
        for other in ("id", "created_at", "updated_at"):
            assert found[name].pop(other)
    for name in ("page 1", "page 4,000"):
        assert found[name].pop("count" if contestant.workloads is BY_OFFSET else "next_cursor")
    return found


def test_contestants_return_the_same(database: tuple[Project, Filled], tmp_path: Path) -> None:
    project, filled = database
    ours = responses_of(project.contestant(OURS, filled.url), tmp_path)
    assert [len(ours[name]["items"]) for name in ("page 1", "page 4,000")] == [20, 20]
    filled.tidy()

    for name, app in small_apps(project, filled.url).items():
        assert responses_of(app, tmp_path) == {
            key: ours[key] for key in app.workloads.keys() & ours
        }, name
        filled.tidy()


def test_pages_show_the_same_notes(database: tuple[Project, Filled], tmp_path: Path) -> None:
    project, filled = database
    reference = small_apps(project, filled.url)[REFERENCE]
    shown = []
    for contestant in (project.contestant(OURS, filled.url), reference):
        with served(contestant, tmp_path) as server:
            shown.append(re.findall(r"/notes/([\w-]{36})", server.ask(server.workloads[HTML])))

    assert shown[0] == shown[1]
    assert len(shown[0]) == PAGE


def test_sql_statements_are_counted(database: tuple[Project, Filled]) -> None:
    counted = database[1].count_statements()

    assert counted.keys() == PAGES.keys()
    assert counted["hello"] == 0
    assert counted["item"] > 0
    assert counted[HTML] > 0


def test_failures_do_not_stop_the_others(
    database: tuple[Project, Filled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(address: str, workload: Workload, token: str, first: int) -> Results:
        assert workload.path != "/nowhere", (address, token, first)
        return Results(requests=100, seconds=1, p50_ms=1, p99_ms=2)

    monkeypatch.setattr(requests, "send", send)
    project, filled = database
    apps = small_apps(project, filled.url)
    lost = {**WORKLOADS, "me": Workload("/nowhere")}
    contestants = [
        replace(apps[LIMIT], name="cannot start", command=["false"]),
        replace(apps[LIMIT], name="has no such route", workloads=lost),
        apps[LIMIT],
    ]
    kept: list[tuple[list[str], list[str]]] = []

    with served(apps[REFERENCE], tmp_path) as reference:
        race = Race(reference, [filled], rounds=2)
        found = measure(
            race,
            contestants,
            ("me", "item"),
            tmp_path,
            lambda found, missing: kept.append((list(found), missing)),
        )
        race.deadline = 0
        late = measure(race, contestants, ("item",), tmp_path, lambda *_: None)

    assert {name: list(one.pairs) for name, one in found.items()} == {
        "has no such route": ["item"],
        LIMIT: ["me", "item"],
        REFERENCE: ["item", "me"],
    }
    assert found[LIMIT].ratio("item") == 1
    assert kept == [
        ([REFERENCE], ["cannot start", "has no such route", LIMIT]),
        (["has no such route", REFERENCE], ["cannot start", LIMIT]),
        (["has no such route", LIMIT, REFERENCE], ["cannot start"]),
    ]
    assert list(late) == [REFERENCE]


def found_in(*workloads: str) -> Found:
    """Return made-up measurements."""
    found = Found(cold_start=1.25, memory_mib=90.4)
    slow = Burst(rate=100, p50_ms=10, p99_ms=30, cpu_us=9_000)
    for rate in (150, 250, 210):
        quick = Burst(rate=rate, p50_ms=5, p99_ms=9.5, cpu_us=1_234.5)
        for workload in workloads:
            found.pairs[workload].append(Pair(quick, slow))
    return found


def test_figures_become_tables() -> None:
    found = found_in("item")

    written = tables({"Some stack": found}, ["item", "create"])

    assert [text.splitlines()[-1] for text in written.values()] == [
        "| Some stack | 2.10 (1.50-2.50) |  |",
        "| Some stack | 250 |  |",
        "| Some stack | 5.0 / 9.5 |  |",
        "| Some stack | 1,234 |  |",
        "| Some stack | 1.25 | 90 |",
    ]
    assert found.tail("item") == pytest.approx(1.9)


def test_goals_are_judged() -> None:
    statements = {"me": 2, "item": 3, "page 1": 2, "page 4,000": 2, "create": 3}
    found = {OURS: found_in(*WORKLOADS)}

    judged = {goal.what: goal for goal in judge(found, statements)}

    assert judged["item, times L4"] == ("item, times L4", "≥ 2.5", "2.1", "missed")
    assert judged["item, SQL statements"] == ("item, SQL statements", "≤ 2", "3", "missed")
    assert judged["memory per process after the load, MiB"].verdict == "reached"
    assert judged["item, share of L0"].verdict == "not measured"


def test_goals_are_listed_without_measurements() -> None:
    nothing = list(judge({}, {}))

    assert [goal[:2] for goal in nothing] == [goal[:2] for goal in judge({OURS: found_in()}, {})]
    assert {goal.verdict for goal in nothing} == {"not measured"}
