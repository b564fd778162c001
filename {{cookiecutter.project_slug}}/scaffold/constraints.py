"""The constraints of a resource's table."""

from dataclasses import dataclass, replace

from scaffold.comparison_samples import violation_of
from scaffold.comparisons import Comparison
from scaffold.field import Field
from scaffold.names import Names
from scaffold.unique import Unique


@dataclass(frozen=True)
class Constraints(Names):
    """Fields with their constraints, as templates see them."""

    fields: tuple[Field, ...] = ()
    unique_together: tuple[tuple[str, ...], ...] = ()
    """The names of the fields in each `--unique`."""
    checks: tuple[Comparison, ...] = ()
    """The comparisons of each `--check`."""

    @property
    def uniques(self) -> list[Unique]:
        """Return the unique constraints: those of one field, then those of several."""
        found = {item.name: item for item in self.fields}
        groups = [(item.name,) for item in self.unique_fields] + list(self.unique_together)
        return [Unique(self, tuple(found[name] for name in group)) for group in groups]

    @property
    def unique_groups(self) -> list[Unique]:
        """Return the unique constraints of several fields."""
        return [item for item in self.uniques if len(item.fields) > 1]

    @property
    def tested_groups(self) -> list[Unique]:
        """Return those of several fields that tests can violate without violating another one."""
        groups = self.unique_groups
        return [
            item
            for item in groups
            if not any(part.is_left_out for part in item.fields)
            and all(other.differs_without(item) for other in groups if other != item)
        ]

    @property
    def unique_fields(self) -> list[Field]:
        """Return the fields whose values are unique."""
        return [item for item in self.fields if item.unique]

    @property
    def comparisons(self) -> list[Comparison]:
        """Return the comparisons of its fields."""
        found = {item.name: item for item in self.fields}
        return [
            replace(item, field=found[item.field.name], other=found[item.other.name] if item.other else None)
            for item in self.checks
        ]

    @property
    def rules(self) -> list[str]:
        """Return a sentence for each comparison, for the API documentation."""
        return [f"{item.field.label} m{item.message[1:]}." for item in self.checks]

    @property
    def violations(self) -> list[tuple[Comparison, Field, str]]:
        """Return a field and a JSON value for each comparison that tests can violate on its own."""
        comparisons = self.comparisons
        found = [(item, violation_of(item, [other for other in comparisons if other != item])) for item in comparisons]
        return [(item, *violation) for item, violation in found if violation]

    @property
    def limited_fields(self) -> list[Field]:
        """Return the fields whose minimum and maximum are a constraint."""
        return [item for item in self.fields if item.field_type.sql_check_of(item)]
