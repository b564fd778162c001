"""Checks at the start of migrations."""

import ast

import pytest

from scaffold.guards import literal


@pytest.mark.parametrize("text", ["SELECT 1", "a  b " * 40 + "c", "it's " * 50, "x" * 130 + " y"])
def test_long_statement_is_written_on_several_lines(text: str) -> None:
    code = literal(text)

    assert ast.literal_eval(code) == text
    assert max(map(len, code.splitlines())) <= max(102, *(len(repr(word)) + 3 for word in text.split()))
