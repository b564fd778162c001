"""Performance goals of a generated project, and whether it reached them."""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import NamedTuple

from benchmarks.figures import Found
from benchmarks.stacks import LIMIT, ON_SQLITE, OURS, SQLMODEL

TIMES_REFERENCE = {
    "hello": 1.0,
    "me": 1.4,
    "item": 2.0,
    "page 1": 2.0,
    "page 4,000": 2.0,
    "create": 1.5,
    "change": 1.5,
}
TIMES_SQLMODEL = {
    "me": 2.5,
    "item": 3,
    "page 1": 25,
    "page 4,000": 25,
    "create": 2.8,
    "change": 2.8,
}
STATEMENTS = {"me": 2, "item": 2, "page 1": 2, "page 4,000": 2, "create": 3}
TAIL = 2.5
COLD_START_SECONDS, MEMORY_MIB = 2.0, 110
OF_LIMIT = 0.35
OF_FIRST_PAGE = 0.9
OF_POSTGRESQL = 0.6


class Goal(NamedTuple):
    """A figure and its bound."""

    what: str
    bound: str
    figure: str
    reached: bool


def judge(found: Mapping[str, Found], statements: Mapping[str, int]) -> Iterator[Goal]:
    """Compare the measurements with the goals; skip what was not measured."""
    ours = found[OURS]
    for name, least in TIMES_REFERENCE.items():
        if name in ours.pairs:
            yield _at_least(f"{name}, times L4", least, ours.ratio(name))
    for name, least in TIMES_SQLMODEL.items() if SQLMODEL in found else ():
        if name in found[SQLMODEL].pairs:
            times = ours.ratio(name) / found[SQLMODEL].ratio(name)
            yield _at_least(f"{name}, times FastAPI with SQLModel", least, times)
    for name, most in STATEMENTS.items():
        yield _at_most(f"{name}, SQL statements", most, statements[name])
    if LIMIT in found:
        share = ours.ratio("item") / found[LIMIT].ratio("item")
        yield _at_least("item, share of L0", OF_LIMIT, share)
    deep = _rate(ours, "page 4,000") / _rate(ours, "page 1")
    yield _at_least("page 4,000, share of page 1", OF_FIRST_PAGE, deep)
    yield _at_most("item, p99 / p50", TAIL, ours.tail("item"))
    if ON_SQLITE in found:
        share = found[ON_SQLITE].ratio("item") / ours.ratio("item")
        yield _at_least("item on SQLite, share of PostgreSQL", OF_POSTGRESQL, share)
    yield _at_most("seconds from start to the first response", COLD_START_SECONDS, ours.cold_start)
    yield _at_most("memory per process, MiB", MEMORY_MIB, ours.memory_mib)


def _rate(one: Found, workload: str) -> float:
    return median(pair.own.rate for pair in one.pairs[workload])


def _at_least(what: str, bound: float, figure: float) -> Goal:
    return Goal(what, f"≥ {bound:g}", f"{figure:.2f}", figure >= bound)


def _at_most(what: str, bound: float, figure: float) -> Goal:
    return Goal(what, f"≤ {bound:g}", f"{figure:.4g}", figure <= bound)
