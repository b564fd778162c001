"""The list of behaviours is whole, and what `fireup.py behaviours` says about it is so."""

import re
from itertools import chain
from pathlib import Path

import pytest

from tests.baking import PROJECT, TEMPLATE
from tests.behaviours import CLAIM, LIST, judge, main, read_claims, read_list, read_results

# Issue 3 names 108 and most of P1; 157 to 161 came with front ends on another origin.
P0 = 113
P1 = {
    *(3, 12, 13, 20, 30, 37, 56, 57, 58, 70, 71, 79, 80, 81, 83, 88, 97, 99, 106),
    *chain(range(114, 123), range(126, 130), (135, 136, 144), range(149, 157)),
}

SUITE = '''
def test_two():
    """Two at once. Behaviours 27, 32. Really."""

async def test_one():
    """Behaviour 4."""

def test_none():
    """Behaviour of 5 is not claimed, nor is behaviour 6."""

def helper():
    """Behaviour 7."""
'''

REPORT = """<testsuites><testsuite>
<testcase classname="tests.accounts.test_a" name="test_two[sqlite]"/>
<testcase classname="tests.accounts.test_a" name="test_two[postgresql]"><failure/></testcase>
<testcase classname="tests.accounts.test_a" name="test_one"/>
<testcase classname="tests.accounts.test_a" name="test_other"><skipped/></testcase>
</testsuite></testsuites>"""


def test_list_holds_what_was_promised() -> None:
    behaviours = read_list(LIST.read_text(encoding="utf-8"))

    by_priority = {
        priority: {number for number, one in behaviours.items() if one.priority == priority}
        for priority in ("P0", "P1", "-")
    }
    assert list(behaviours) == sorted(behaviours)
    assert len(by_priority["P0"]) == P0
    assert by_priority["P1"] == P1
    assert by_priority["-"] == {102}
    assert set(behaviours) == set.union(*by_priority.values())


def test_claims_are_read_from_docstrings_of_tests(tmp_path: Path) -> None:
    suite = tmp_path / "tests" / "accounts" / "test_a.py"
    suite.parent.mkdir(parents=True)
    suite.write_text(SUITE, encoding="utf-8")

    theirs = {
        number: [test for test in tests if test.startswith("project/")]
        for number, tests in read_claims(tmp_path).items()
    }

    two, one = (f"project/tests/accounts/test_a.py::{name}" for name in ("test_two", "test_one"))
    assert {number: tests for number, tests in theirs.items() if tests} == {
        4: [one],
        27: [two],
        32: [two],
    }


def test_results_are_those_of_every_case(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")

    results = read_results(report, "project/")

    test = "project/tests/accounts/test_a.py::test_{}".format
    assert judge([test("one")], results) == "passed"
    assert judge([test("one"), test("two")], results) == "1 failure"
    assert judge([test("other")], results) == "1 skipped"
    assert judge([test("one"), test("gone")], results) == "1 not run"
    assert judge([], results) == "no test"


def test_every_number_in_the_suites_follows_the_grammar() -> None:
    loose = re.compile(r"\bbehaviours?:? *#?\d[\d, ]*", re.IGNORECASE)
    suites = [*PROJECT.glob("tests/**/test_*.py"), *TEMPLATE.glob("tests/test_*.py")]

    wrong = [
        f"{path.name}: {found[0]}"
        for path in suites
        if path != Path(__file__)
        for found in loose.finditer(path.read_text(encoding="utf-8"))
        if not CLAIM.match(path.read_text(encoding="utf-8"), found.start())
    ]

    assert wrong == []


def test_every_promise_is_claimed_by_a_test(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--collect"])

    assert code == 0, capsys.readouterr().out.splitlines()[-1]
