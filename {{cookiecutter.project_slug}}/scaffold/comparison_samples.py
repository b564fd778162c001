"""Values of tests that meet the comparisons of a resource, and values that don't.

Each compared field gets limits of its own, in the order of the comparisons, so that a test can change one of them
without violating a comparison.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from graphlib import CycleError, TopologicalSorter
from itertools import product

from scaffold.comparisons import INVERSE, Comparison
from scaffold.field import Field
from scaffold.field_types import Domain
from scaffold.field_types.base import MIN_UNIQUE_VALUES

Limits = dict[str, tuple[Decimal, Decimal]]
_WIDTHS = [Decimal(text) for text in ("1000", "100", "10", "1", "0")]


def with_limits(fields: Sequence[Field], comparisons: Sequence[Comparison]) -> tuple[tuple[Field, ...], list[str]]:
    """Return the fields with limits for the values of tests, or the errors in the comparisons."""
    ordered = [item for item in comparisons if item.field.field_type.compares != "reference"]
    try:
        lesser = _lesser_fields(ordered)
    except CycleError as error:
        return tuple(fields), [f"--check: no values of {' and '.join(sorted({*error.args[1]}))} meet all comparisons"]
    if errors := _default_errors(ordered) + _redundancy_errors(ordered):
        return tuple(fields), errors
    found = {item.name: item for item in fields}
    domains = {name: _narrowed(found[name], ordered) for name in lesser}
    limits: Limits = {}
    for names in _connected(lesser):
        for width, from_start in product(_WIDTHS, (True, False)):
            some = _limits(names, lesser, domains, width, from_start=from_start)
            if some and all(_has_room(found[name], some[name], domains[name]) for name in names):
                limits |= some
                break
        else:
            errors.append(f"--check: too few values of {', '.join(names)} meet the comparisons: change min or max")
    return tuple(replace(item, limits=limits.get(item.name)) for item in fields), errors


def _lesser_fields(comparisons: Sequence[Comparison]) -> dict[str, set[str]]:
    """Map each field to those whose values in tests are lesser, in an order in which these come first.

    Raises:
        CycleError: if comparisons contradict each other.
    """
    lesser: dict[str, set[str]] = {part.name: set() for item in comparisons for part in item.fields}
    pairs = [(item.sign, item.field.name, item.other.name) for item in comparisons if item.other]
    for sign, one, two in pairs:
        if sign != "!=":
            low, high = (one, two) if sign in {"<", "<="} else (two, one)
            lesser[high].add(low)
    order = [*TopologicalSorter(lesser).static_order()]
    for sign, one, two in pairs:
        if sign == "!=":
            low, high = sorted((one, two), key=order.index)
            lesser[high].add(low)
    return {name: lesser[name] for name in TopologicalSorter(lesser).static_order()}


def _connected(lesser: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the fields that are compared with each other, directly or indirectly."""
    groups: list[set[str]] = []
    for name, others in lesser.items():
        joined = [group for group in groups if group & others]
        groups = [group for group in groups if group not in joined] + [{name}.union(*joined)]
    return [[name for name in lesser if name in group] for group in groups]


def violation_of(comparison: Comparison, others: Sequence[Comparison]) -> tuple[Field, str] | None:
    """Return a field and a JSON value that violates a comparison, but none of the others; or None without limits."""
    left, right = comparison.field, comparison.other
    if not left.limits:
        return None
    near = _values(right) if right else [comparison.value or Decimal(0)]
    for field, values in ((left, near), *([(right, _values(left))] if right else [])):
        for value in _candidates(field, values):
            if _outcomes(comparison, field, value) == {False} and all(
                _outcomes(item, field, value) == {True} for item in others
            ):
                return field, field.field_type.json_at(field, value)
    return None


def _redundancy_errors(comparisons: Sequence[Comparison]) -> list[str]:
    """Return the comparisons that every value meets, because of min and max."""
    errors = []
    for item in comparisons:
        left, *others = (part.field_type.domain_of(part) for part in item.fields)
        right = others[0] if others else Domain(item.value or Decimal(0), item.value or Decimal(0))
        least, most = item.is_met(left.low, right.high), item.is_met(left.high, right.low)
        if (least and most) if item.sign != "!=" else (left.high < right.low or right.high < left.low):
            errors.append(f"--check: {item.field.name} {item.sign} … is always met: leave it out, or change min or max")
    return errors


def _outcomes(comparison: Comparison, changed: Field, value: Decimal) -> set[bool]:
    """Return whether the values of tests meet a comparison if one field has another value: always, never or both."""
    sides = [[value] if item.name == changed.name else _values(item) for item in comparison.fields]
    left, right = sides if comparison.other else (*sides, [comparison.value or Decimal(0)])
    found = {comparison.is_met(one, two) for one, two in product(left, right)}
    inside = any(side[0] < value < side[-1] for side in (left, right) if side)  # one of these values may be equal
    return {True, False} if comparison.sign == "!=" and inside else found or {True}


def _values(field: Field) -> list[Decimal]:
    """Return the value that tests give to a field, or the least and the greatest if rows differ in it."""
    return list(field.limits[: 1 + field.differs]) if field.limits else []


def _candidates(field: Field, near: Sequence[Decimal]) -> Iterator[Decimal]:
    """Yield valid values of a field close to other values."""
    domain = field.field_type.domain_of(field)
    for value in near:
        close = (value / domain.step).to_integral_value() * domain.step
        yield from (item for item in (close, close - domain.step, close + domain.step) if _is_valid(item, domain))
    yield from (domain.low, domain.high)


def _is_valid(value: Decimal, domain: Domain) -> bool:
    return domain.low <= value <= domain.high


def _default_errors(comparisons: Sequence[Comparison]) -> list[str]:
    """Return the errors in defaults that violate a comparison with a value or with another default."""
    errors = []
    for item in comparisons:
        texts = [part.default_text for part in item.fields]
        if None not in texts:
            left, *right = (item.field.field_type.position_of(text) for text in texts if text is not None)
            if not item.is_met(left, right[0] if right else item.value or Decimal(0)):
                errors.append(f"--check: the default of {item.field.name} violates {item.field.name} {item.sign} …")
    return errors


def _narrowed(field: Field, comparisons: Sequence[Comparison]) -> Domain:
    """Return the values of a field that meet the comparisons with values and with defaults of other fields."""
    domain = field.field_type.domain_of(field)
    for item in comparisons:
        for sign, other, value in _sides(item, field):
            limit = value
            if other and other.default_text is not None and field.default_text is None and not field.optional:
                limit = other.field_type.position_of(other.default_text)
            if limit is not None:
                domain = _cut(domain, sign, limit)
    return domain


def _sides(item: Comparison, field: Field) -> Iterator[tuple[str, Field | None, Decimal | None]]:
    """Yield a comparison as it is read from this field."""
    if item.field.name == field.name:
        yield item.sign, item.other, item.value
    elif item.other and item.other.name == field.name:
        yield INVERSE[item.sign], item.field, None


def _cut(domain: Domain, sign: str, value: Decimal) -> Domain:
    """Return the part of the domain on one side of a value; on the greater side, if there is one, for `!=`."""
    if sign in {">", ">="} or (sign == "!=" and value + domain.step < domain.high):
        return replace(domain, low=max(domain.low, value + domain.step))
    return replace(domain, high=min(domain.high, value - domain.step))


def _limits(
    names: Sequence[str],
    lesser: Mapping[str, set[str]],
    domains: Mapping[str, Domain],
    width: Decimal,
    *,
    from_start: bool,
) -> Limits | None:
    """Give each field a range above those of lesser fields, or return None if the ranges don't fit."""
    limits: Limits = {}
    for name in names:
        domain = domains[name]
        first = domain.start if from_start and domain.low <= domain.start < domain.high else domain.low
        low = max([first, *(limits[other][1] + domain.step for other in lesser[name])])
        low = (low / domain.step).to_integral_value(ROUND_CEILING) * domain.step
        high = min(domain.high, low + max(width, domain.step))
        if high < low + domain.step:
            return None
        limits[name] = (low, high)
    return limits


def _has_room(field: Field, limits: tuple[Decimal, Decimal], domain: Domain) -> bool:
    """Return whether a unique field has enough values."""
    return not field.differs or (limits[1] - limits[0]) / domain.step >= MIN_UNIQUE_VALUES
