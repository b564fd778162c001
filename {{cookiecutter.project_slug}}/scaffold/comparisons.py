"""Comparisons of fields: `--check "ends_at > starts_at"`.

    comparison = field sign (field | value)
    sign       = "<" | "<=" | ">" | ">=" | "!="

A value is a number, a date such as 2026-01-31, a time such as 08:30 or a duration such as 1h30m.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.database.constraints import OPERATORS
from scaffold.errors import nearest
from scaffold.field import Field
from scaffold.field_types.numeric import MAX_FLOAT_DIGITS

_PATTERN = re.compile(r"\s*([a-z]\w*)\s*(<=|>=|!=|<|>)\s*([\w.:-]+)\s*")
INVERSE = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "!=": "!="}
_TIME_WORDS = {"<": "be earlier than", ">": "be later than", "<=": "not be later than", ">=": "not be earlier than"}
_WORDS = {"<": "be less than", ">": "be greater than", "<=": "not be greater than", ">=": "not be less than"}
_LIMITS = {"<=": "max", ">=": "min"}
_SIZES = {"number", "duration"}
"""Kinds of values that have a minimum and a maximum."""


@dataclass(frozen=True)
class Comparison:
    """A comparison of a field with another one, or with a value."""

    field: Field
    sign: str
    other: Field | None = None
    value: Decimal | None = None

    @property
    def name(self) -> str:
        """Return the name of the constraint, without its table."""
        right = self.other.column if self.other else self.text + ":00" * (self.field.type == "time")
        return f"{self.field.column}_{OPERATORS[self.sign][0]}_{re.sub('[-.:]', '_', right.replace(' ', ''))}"

    @property
    def text(self) -> str:
        """Return the value as people read it."""
        return self.field.field_type.text_at(self.value or Decimal(0))

    @property
    def operand(self) -> str:
        """Return what the field is compared with, as a Python expression."""
        return f'"{self.other.column}"' if self.other else self.field.field_type.literal_at(self.value or Decimal(0))

    @property
    def message(self) -> str:
        """Return what the form shows next to the field."""
        words = _WORDS if self.field.field_type.compares in _SIZES else _TIME_WORDS
        what = f"“{self.other.label}”" if self.other else self.text
        return f"Must {'differ from' if self.sign == '!=' else words[self.sign]} {what}"

    @property
    def fields(self) -> tuple[Field, ...]:
        """Return the fields that it compares."""
        return (self.field, self.other) if self.other else (self.field,)

    @property
    def is_tested_reference(self) -> bool:
        """Return whether tests can refer to the same row twice: references to the same resource are empty."""
        return all(item.type == "ref" and not item.is_left_out for item in self.fields)

    def is_met(self, left: Decimal, right: Decimal) -> bool:
        """Return whether these values meet it."""
        return bool(OPERATORS[self.sign][1](left, right))


def parse_comparisons(
    texts: Sequence[str], fields: Sequence[Field], specs: Sequence[str]
) -> tuple[list[Comparison], list[str]]:
    """Parse the values of `--check`. Returns the valid ones, and the errors in the others."""
    known: dict[str, Field | None] = {spec.partition(":")[0]: None for spec in specs}  # None: the field has errors
    known |= {item.name: item for item in fields}
    found: list[Comparison] = []
    errors: list[str] = []
    for text in texts:
        try:
            comparison = _parse(text, known)
        except ValueError as error:
            errors.append(f'--check "{text}": {error}')
            continue
        if comparison and _same(comparison, found):
            errors.append(f'--check "{text}": it is given twice')
        elif comparison:
            found.append(comparison)
    return found, errors


def _same(comparison: Comparison, others: Sequence[Comparison]) -> bool:
    """Return whether one of the others says the same, such as `a < b` and `b > a`."""
    turned = (comparison.other, INVERSE[comparison.sign], comparison.field, None)
    return any(
        (item.field, item.sign, item.other, item.value)
        in {(comparison.field, comparison.sign, comparison.other, comparison.value), turned}
        for item in others
    )


def _parse(text: str, known: Mapping[str, Field | None]) -> Comparison | None:
    """Parse a comparison. Returns None if one of its fields has errors.

    Raises:
        ValueError: if it is invalid.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError('compare a field with another one or with a value: "ends_at > starts_at", "price != 0"')
    name, sign, right = match.groups()
    for field in [name, *([right] if re.match("[a-z]", right) else [])]:
        if field not in known:
            raise ValueError(f"{field} is not a field: {nearest(field, list(known))}")
    left, other = known[name], known.get(right)
    if left is None or (other is None and right in known):
        return None
    comparison = Comparison(left, sign, other) if other else _with_value(left, sign, right)
    _require_comparable(comparison)
    return comparison


def _with_value(left: Field, sign: str, text: str) -> Comparison:
    kind = left.field_type.compares
    if kind in _SIZES and sign in _LIMITS:
        raise ValueError(f"use the modifier {_LIMITS[sign]}: {left.name}:{left.type}:{_LIMITS[sign]}={text}")
    value = left.field_type.position_of(text) if kind not in {"", "reference"} else Decimal(0)
    return Comparison(left, sign, None, value)


def _require_comparable(comparison: Comparison) -> None:
    left, other = comparison.field, comparison.other
    kinds = [item.field_type.compares for item in comparison.fields]
    if hidden := [item.name for item in comparison.fields if item.readonly]:
        raise ValueError(f"{hidden[0]} is readonly: requests don't contain it. Compare it in the code that sets it")
    if "" in kinds:
        wrong = comparison.fields[kinds.index("")]
        raise ValueError(
            f"{wrong.name} is a {wrong.type}, which can't be compared:"
            " compare numbers, dates, times, durations or references"
        )
    for item in comparison.fields:
        if item.type == "decimal" and item.digits > MAX_FLOAT_DIGITS and (other is None or left.args != other.args):
            raise ValueError(
                f"{item.name} has more than {MAX_FLOAT_DIGITS} digits: compare it with another"
                f" {item.type}={','.join(item.args)}, or in the service"
            )
    if other and left.name == other.name:
        raise ValueError("compare two different fields")
    if len(set(kinds)) > 1:
        raise ValueError(f"a {comparison.fields[1].type} can't be compared with a {left.type}")
    is_pair = other and comparison.sign == "!=" and left.target.plural == other.target.plural
    if kinds[0] == "reference" and not is_pair:
        raise ValueError("a reference can only differ from another one to the same resource: home != away")
