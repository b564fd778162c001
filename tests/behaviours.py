"""Which test shows which behaviour of accounts: number, tests, result of a fresh project.

`python3 fireup.py behaviours` runs this. The numbers are those of docs/behaviours.md; a test claims
some in its docstring ("Behaviour 27." or "Behaviours 27, 32."). Nothing but a passing test of the
project or of the template makes a row pass.
"""

import argparse
import ast
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import fireup
from tests.baking import PROJECT, TEMPLATE
from tests.serving import environment

LIST = TEMPLATE / "docs" / "behaviours.md"
ROW = re.compile(r"^\| (\d+) \| (P\d|-) \| (.+) \|$", re.MULTILINE)
CLAIM = re.compile(r"\bBehaviours? (\d+(?:, \d+)*)\.")


class Behaviour(NamedTuple):
    """A row of docs/behaviours.md."""

    priority: str
    words: str

    @property
    def is_promised(self) -> bool:
        """Return whether it applies."""
        return self.priority != "-"


def read_list(text: str) -> dict[int, Behaviour]:
    """Read the rows of the list by their numbers."""
    return {
        int(number): Behaviour(priority, words) for number, priority, words in ROW.findall(text)
    }


def read_claims(project: Path) -> dict[int, list[str]]:
    """Find the tests that claim each number, as project/tests/….py::name or tests/….py::name."""
    claims = defaultdict(list)
    for label, folder in (("project/", project), ("", TEMPLATE)):
        for path in sorted((folder / "tests").rglob("test_*.py")):
            for name, numbers in _claims_in(path):
                for number in numbers:
                    claims[number].append(f"{label}{path.relative_to(folder).as_posix()}::{name}")
    return dict(claims)


def judge(tests: Iterable[str], results: Mapping[str, Counter[str]]) -> str:
    """Say how a behaviour fares: `passed` when every case of every test that claims it did."""
    outcomes = Counter[str]()
    for test in tests:
        outcomes += results.get(test, Counter(["not run"]))
    if not outcomes:
        return "no test"
    bad = sorted(set(outcomes) - {"passed"})
    return ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in bad) or "passed"


def read_results(report: Path, label: str) -> dict[str, Counter[str]]:
    """Read a JUnit report: how often each test function passed, failed or was skipped."""
    results: dict[str, Counter[str]] = defaultdict(Counter)
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
        path = case.get("classname", "").replace(".", "/")
        name = case.get("name", "").partition("[")[0]
        bad = [part.tag for part in case if part.tag in {"failure", "error", "skipped"}]
        results[f"{label}{path}.py::{name}"][bad[0] if bad else "passed"] += 1
    return results


def main(arguments: list[str]) -> int:
    """Print the table; return 1 when a promise has no test that passes, or one that does not."""
    parser = argparse.ArgumentParser(prog="fireup.py behaviours")
    parser.add_argument("--collect", action="store_true", help="run nothing, show the claims")
    collect = parser.parse_args(arguments).collect
    behaviours = read_list(LIST.read_text(encoding="utf-8"))
    if collect:
        claims = read_claims(PROJECT)
        states = {number: "claimed" if claims.get(number) else "no test" for number in behaviours}
        return _show(behaviours, claims, states, "claimed")
    with tempfile.TemporaryDirectory() as folder:
        project = fireup.generate(Path(folder, "my_project"), {})
        claims = read_claims(project)
        results = _run(project, Path(folder), claims)
    states = {number: judge(claims.get(number, ()), results) for number in behaviours}
    return _show(behaviours, claims, states, "passed")


def _claims_in(path: Path) -> Iterator[tuple[str, set[int]]]:
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found = CLAIM.findall(ast.get_docstring(node) or "")
            numbers = {int(number) for group in found for number in group.split(", ")}
            if numbers and node.name.startswith("test_"):
                yield node.name, numbers


def _run(project: Path, folder: Path, claims: Mapping[int, list[str]]) -> dict[str, Counter[str]]:
    """Run the whole suite of the project, and those tests of the template that claim a number."""
    ours = sorted(
        {test for tests in claims.values() for test in tests if test.startswith("tests/")}
    )
    lines = {
        "project/": (project, ["dev.py", "test", "-n", "auto"]),
        "": (TEMPLATE, ["-B", "-m", "pytest", *ours]),
    }
    results: dict[str, Counter[str]] = {}
    for label, (home, line) in lines.items():
        if label or ours:
            report = folder / f"report-{label.strip('/')}.xml"
            subprocess.call(
                [sys.executable, *line, "-q", f"--junitxml={report}"],
                cwd=home,
                env=environment(),
                stdout=sys.stderr,
            )
            results |= read_results(report, label) if report.exists() else {}
    return results


def _show(
    behaviours: Mapping[int, Behaviour],
    claims: Mapping[int, list[str]],
    states: Mapping[int, str],
    good: str,
) -> int:
    """Print each row with its tests, then the sums."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for number, behaviour in behaviours.items():
        state = states[number] if behaviour.is_promised else "does not apply"
        print(f"{number:>4} {behaviour.priority:<2}  {state:<9}  {behaviour.words}")
        for test in claims.get(number, ()):
            print(f"{'':>20}{test}")
        if behaviour.is_promised:
            sums[behaviour.priority][state] += 1
    print()
    for priority, states_of in sorted(sums.items()):
        print(f"{priority}: {states_of[good]} of {states_of.total()} {good}")
    bad = [n for n, one in behaviours.items() if one.is_promised and states[n] != good]
    unknown = sorted(set(claims) - set(behaviours))
    if bad:
        print("Missing or failing:", *bad)
    if unknown:
        print("Claimed, but not in docs/behaviours.md:", *unknown)
    return 1 if bad or unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
