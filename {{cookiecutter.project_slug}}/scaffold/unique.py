"""Fields whose values are unique, on their own or together: `--unique project,number`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from scaffold.errors import nearest
from scaffold.field import Field
from scaffold.names import Names, camel

MAX_INDEX_BYTES = 2600
"""How much fits into a PostgreSQL index entry, next to the owner."""


@dataclass(frozen=True)
class Unique:
    """A unique constraint, as templates see it."""

    owner: Names
    fields: tuple[Field, ...]

    @property
    def name(self) -> str:
        """Return the names of the fields, joined: `project_number`."""
        return "_".join(item.name for item in self.fields)

    @property
    def columns(self) -> list[str]:
        """Return the names in the database and in JSON."""
        return [item.column for item in self.fields]

    @property
    def words(self) -> str:
        """Return the display names inside a sentence: `project and number`."""
        *most, last = (item.words for item in self.fields)
        return f"{', '.join(most)} and {last}" if most else last

    @property
    def taken_error(self) -> str:
        """Return the class name of the error for values that another row already has."""
        return f"{self.owner.cls}{camel(self.name)}Taken"

    @property
    def globally(self) -> bool:
        """Return whether the values differ from those of other owners, too."""
        return any(item.globally for item in self.fields)

    @property
    def has_references(self) -> bool:
        """Return whether other users may be unable to have the same values."""
        return any(item.type == "ref" for item in self.fields)

    @property
    def repeated(self) -> list[str]:
        """Return the columns that may have the same values, if that of another field differs in each row."""
        differing = next(item for item in self.fields if item.differs)
        return [item.column for item in self.fields if item != differing]

    def differs_without(self, other: "Unique") -> bool:
        """Return whether rows of the tests that have the same values in the fields of another one differ in these."""
        return any(item.differs for item in self.fields if item not in other.fields)


def parse_unique(
    texts: Sequence[str], fields: Sequence[Field], specs: Sequence[str]
) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    """Parse the values of `--unique`. Returns the names of the fields, and the errors."""
    groups = [tuple(part.strip() for part in text.split(",")) for text in texts]
    known: dict[str, Field | None] = {spec.partition(":")[0]: None for spec in specs}  # None: the field has errors
    known |= {item.name: item for item in fields}
    taken = {name for item in fields for name in (item.name, item.column, f"unique_{item.name}" * item.unique)}
    errors = []
    for number, (text, group) in enumerate(zip(texts, groups, strict=True)):
        if {*group} in map(set, groups[:number]):
            errors.append(f"--unique {text} is given twice")
            continue
        attribute = f"unique_{'_'.join(group)}"
        found = _errors_in(group, known)
        if any({*group} > {*other} for other in groups if len(other) > 1):
            found.append("some of these fields are already unique together")
        found += [f"{attribute} is already the name of a field or of a constraint"] * (attribute in taken)
        taken.add(attribute)
        errors += [f"--unique {text}: {error}" for error in found]
    return tuple(groups), errors


def _errors_in(group: tuple[str, ...], known: Mapping[str, Field | None]) -> list[str]:
    if len(set(group)) < max(2, len(group)):  # one unique field has the modifier
        return ["name at least two different fields, as in --unique project,number, or add unique to one field"]
    if unknown := [name for name in group if name not in known]:
        return [f"{name} is not a field: {nearest(name, list(known))}" for name in unknown]
    chosen = [item for name in group if (item := known[name])]
    if len(chosen) < len(group):
        return []
    errors = [f"{item.name} is already unique on its own" for item in chosen if item.unique]
    errors += [f"{item.name} is readonly: requests don't contain it" for item in chosen if item.readonly]
    errors += [f"{item.name}: the type {item.type} can't be unique" for item in chosen if not item.index_bytes]
    if sum(item.index_bytes for item in chosen) > MAX_INDEX_BYTES:
        errors.append("too long for an index in PostgreSQL: use shorter texts, for example str=200")
    if not errors and not any(item.differs or item.is_left_out or item.can_vary for item in chosen):
        errors.append("these fields have too few values: add a reference, a text, a number or a date")
    return errors


def vary(fields: Sequence[Field], groups: Sequence[tuple[str, ...]]) -> tuple[Field, ...]:
    """Mark fields of each group, so that rows of the tests differ in it, even if they are the same in another one."""
    found = {item.name: item for item in fields}
    for group, other in product(groups, ((), *groups)):
        left = [found[name] for name in group if name not in other]
        if not any(item.differs or item.is_left_out for item in left):
            can_vary = [item for item in left if item.can_vary][:1]
            found |= {item.name: replace(item, varied=True) for item in can_vary}
    return tuple(found.values())
