"""Performance goals of a generated project, and whether it reached them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from benchmarks import report
from benchmarks.figures import Found
from benchmarks.stacks import LIMIT, ON_SQLITE, OURS, SQLMODEL, TWO_PROCESSES
from benchmarks.workloads import HTML

TIMES_REFERENCE = {
    "hello": 1.0,
    "me": 2.0,
    "item": 2.5,
    "page 1": 2.0,
    "page 4,000": 2.0,
    "create": 1.5,
    "change": 1.5,
    HTML: 1.0,
}
COMPARED = {
    OURS: TIMES_REFERENCE,
    TWO_PROCESSES: {"item": 3.5},
    ON_SQLITE: {"item": 1.0, "page 1": 1.0},
}
"""Requests per second as a multiple of the reference, on PostgreSQL and with one process."""
CONTESTANTS = (*COMPARED, LIMIT, SQLMODEL)
SHARE_OF_LIMIT = {"item": 0.35, "page 1": 0.35}
TIMES_SQLMODEL = {"item": 3.0, "page 1": 8.0}
OF_FIRST_PAGE = 0.9
STATEMENTS = {"me": 2, "item": 2, "page 1": 2, "page 4,000": 2, "create": 3}
TAIL = 2.0
COLD_START_SECONDS, MEMORY_MIB = 2.0, 105


class Goal(NamedTuple):
    """A figure and its bound."""

    what: str
    bound: str
    figure: str
    verdict: str


def judge(found: Mapping[str, Found], statements: Mapping[str, int]) -> Iterator[Goal]:
    """Compare the measurements with the goals."""
    for who, goals in COMPARED.items():
        for name, bound in goals.items():
            what = f"{name}{who.removeprefix(OURS)}, times L4"
            yield at_least(what, bound, _ratio(found, who, name))
    for name, bound in SHARE_OF_LIMIT.items():
        yield at_least(f"{name}, share of L0", bound, _compare(found, LIMIT, name))
    for name, bound in TIMES_SQLMODEL.items():
        what = f"{name}, times FastAPI with SQLModel"
        yield at_least(what, bound, _compare(found, SQLMODEL, name))
    pages = [_rate(found, name) for name in ("page 4,000", "page 1")]
    deep = pages[0] / pages[1] if pages[0] and pages[1] else None
    yield at_least("page 4,000, share of page 1", OF_FIRST_PAGE, deep)
    for name, most in STATEMENTS.items():
        yield at_most(f"{name}, SQL statements", most, statements.get(name))
    ours = found.get(OURS)
    for name in SHARE_OF_LIMIT:
        tail = ours.tail(name) if ours and name in ours.pairs else None
        yield at_most(f"{name}, p99 / p50", TAIL, tail)
    start, memory = (ours.cold_start, ours.memory_mib) if ours else (None, None)
    yield at_most("seconds from start to the first response", COLD_START_SECONDS, start)
    yield at_most("memory per process after the load, MiB", MEMORY_MIB, memory)


def at_least(what: str, bound: float, figure: float | None) -> Goal:
    """Judge a figure that should be high; None was not measured."""
    return _judged(what, f"≥ {bound:g}", figure, 3, reached=figure is not None and figure >= bound)


def at_most(what: str, bound: float, figure: float | None) -> Goal:
    """Judge a figure that should be low; None was not measured."""
    return _judged(what, f"≤ {bound:g}", figure, 4, reached=figure is not None and figure <= bound)


def write(goals: Iterable[Goal], title: str = "generated project, one process, PostgreSQL") -> str:
    """Return a table of the goals and the figures."""
    return report.table([title, "goal", "measured", ""], list(goals))


def _judged(what: str, bound: str, figure: float | None, digits: int, *, reached: bool) -> Goal:
    if figure is None:
        return Goal(what, bound, "–", "not measured")  # noqa: RUF001 - a dash
    return Goal(what, bound, f"{figure:.{digits}g}", "reached" if reached else "missed")


def _ratio(found: Mapping[str, Found], who: str, workload: str) -> float | None:
    one = found.get(who)
    return one.ratio(workload) if one and workload in one.pairs else None


def _compare(found: Mapping[str, Found], other: str, workload: str) -> float | None:
    """Return the project's requests per second as a multiple of another's."""
    own, others = _ratio(found, OURS, workload), _ratio(found, other, workload)
    return own / others if own and others else None


def _rate(found: Mapping[str, Found], workload: str) -> float | None:
    one = found.get(OURS)
    return one.rate(workload) if one and workload in one.pairs else None
