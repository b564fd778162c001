"""A field in templates: its specification, and what its type derives from it."""

import builtins
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

from scaffold.field_spec import FILES, FieldSpec
from scaffold.field_types import FIELD_TYPES, FieldType, Samples
from scaffold.field_types.base import quoted
from scaffold.names import camel, words
from scaffold.plurals import word_set

RESERVED_ALIASES = word_set(
    "Annotated AwareUtcDatetime Decimal Duration EmailStr Field HttpUrlString Int32 Int64 JsonObject JsonValue Literal"
    " NotReserved PageParams ParseDuration PhoneNumber RecordResponse Schema SearchText ShortText SingleLine Slug"
    " StringConstraints TimeOfDay"
)
"""Names that the schemas module of a resource imports."""

MIN_SEARCH_SAMPLE = 8


class Field(FieldSpec):
    """A field of a resource."""

    @cached_property
    def field_type(self) -> FieldType:
        """Return what is specific to the type."""
        return FIELD_TYPES[self.type]

    @cached_property
    def samples(self) -> Samples:
        """Return values for tests."""
        if self.limits:
            return self.field_type.samples_between(self, *self.limits)
        return self.field_type.samples_of(self)

    @property
    def python(self) -> str:
        """Return the Python type."""
        return self.field_type.python_of(self)

    @property
    def annotation(self) -> str:
        """Return the annotation in the model."""
        return self._or_none(self.python)

    @property
    def read(self) -> str:
        """Return the annotation in the response schema."""
        return self._or_none(self.field_type.read or self.python)

    @property
    def schema(self) -> str:
        """Return the annotation in the request schemas."""
        return self._or_none(self.alias if self.has_alias else self.check or self.python)

    @property
    def create_schema(self) -> str:
        """Return the annotation in the request schema for a new row."""
        return f"{self.schema} | None" if self.source else self.schema

    def _or_none(self, annotation: str) -> str:
        return f"{annotation} | None" if self.optional else annotation

    @property
    def check(self) -> str:
        """Return the constrained type for request schemas; empty if the Python type is enough."""
        return self.field_type.check_of(self)

    @property
    def has_alias(self) -> bool:
        """Return whether the schemas module defines an alias for the constrained type."""
        return bool(self.check) and not self.check.isidentifier()

    @property
    def alias(self) -> str:
        """Return the name of that alias."""
        if self.in_url:  # imported by other modules
            return self.class_name
        name = camel(self.column)
        taken = (
            len(name) == 1 or name in RESERVED_ALIASES or hasattr(builtins, name) or name.startswith(self.owner.name)
        )
        return f"{name}Value" if taken else name

    @property
    def default(self) -> str | None:
        """Return the default as a Python expression."""
        return None if self.default_text is None else self.field_type.default_of(self, self.default_text)

    @property
    def required(self) -> bool:
        """Return whether a request to create a row must contain it."""
        return self.default_text is None and not self.optional and self.type != "many" and not self.source

    @property
    def create_default(self) -> str:
        """Return the assignment of the default in the create schema; empty if there is none."""
        if self.type == "many":
            return " = Field(default_factory=list)"
        if self.source:
            return f' = Field(default=None, description="Made from the {words(self.source)} if omitted")'
        if self.default is not None:
            return f" = {self.default}"
        return " = None" if self.optional else ""

    @property
    def has_nullable_default(self) -> bool:
        """Return whether null is not the same as omitting the field in a request to create a row."""
        return self.optional and self.default_text is not None

    @property
    def json_default(self) -> str:
        """Return the JSON value of a new row for which the field was omitted, as a Python expression."""
        if self.optional and self.default_text is None:
            return "None"
        if self.type in {"many", "list"}:
            return "[]"
        if self.type == "bool":
            return str(self.default)
        return "{}" if self.type == "json" else self.field_type.json_of(self, self.default_text or "")

    @property
    def mapped_column(self) -> str:
        """Return the assignment of `mapped_column(…)` in the model; empty if the annotation is enough."""
        parts = [self.field_type.column_of(self)] if self.field_type.column_of(self) else []
        if self.type == "ref":
            rules = {"cascade": ', ondelete="CASCADE"', "null": ', ondelete="SET NULL"'}
            later = ", use_alter=True" if self.is_circular else ""  # tables are sorted without it
            parts.append(f'ForeignKey("{self.target.plural}.id"{rules.get(self.on_delete, "")}{later})')
        if self.default_text is not None:
            parts.append(f"server_default={self.field_type.server_default_of(self, self.default_text)}")
        if self.source:
            parts.append(f'default=slug_from("{self.source}")')
        return f" = mapped_column({', '.join(parts)})" if parts else ""

    @property
    def filtered(self) -> bool:
        """Return whether lists have a filter for it."""
        return self.field_type.filters or self.index or (self.unique and self.type != "ref")

    @property
    def sorted(self) -> bool:
        """Return whether lists can be sorted by it."""
        return self.field_type.sorts and (self.index or self.unique) and not self.optional

    @property
    def range_check(self) -> str:
        """Return the constraint for its limits, as a Python expression."""
        return quoted(self.field_type.sql_check_of(self))

    @property
    def range_name(self) -> str:
        """Return the name of the constraint for its limits, which are in it: migrations compare the names."""
        limits = f"{f'_from_{self.min}' * bool(self.min)}{f'_to_{self.max}' * bool(self.max)}"
        return f"{self.column}{re.sub('[-.]', '_', limits)}" if limits else ""

    @property
    def index_bytes(self) -> int:
        """Return how much of an index entry it needs at most, or 0 if it can't be indexed."""
        return self.field_type.index_bytes_of(self)

    @property
    def can_vary(self) -> bool:
        """Return whether it has enough values for tests to give each row another one."""
        alone = replace(self, unique=True)
        return bool(self.samples.unique) and not self.field_type.errors_in(alone)

    @property
    def is_file(self) -> bool:
        """Return whether a route of its own uploads it."""
        return self.type in FILES

    @property
    def file_rules(self) -> str:
        """Return the limits of uploaded files, as a Python expression."""
        return self.field_type.rules_of(self)

    @property
    def accept(self) -> str:
        """Return the attribute `accept` of a file input."""
        return self.field_type.accept_of(self)

    @property
    def max_size(self) -> str:
        """Return the maximum size of a file as people read it, such as `5 MB`."""
        return re.sub(r"(\d)(\D)", r"\1 \2", self.field_type.max_of(self))

    @property
    def file_sample(self) -> str:
        """Return a name and bytes for tests, as a Python expression."""
        return self.field_type.upload_of(self)

    @property
    def step(self) -> str:
        """Return the `step` attribute of a number input."""
        places = self.decimal_places if self.type == "decimal" else 0
        return f"0.{'1'.rjust(places, '0')}" if places else self.field_type.step or "1"

    @property
    def sample(self) -> str:
        """Return a JSON value for tests, as a Python expression."""
        return self.samples.sample

    @property
    def changed(self) -> str:
        """Return another JSON value."""
        return self.samples.changed

    @property
    def invalid(self) -> str:
        """Return a JSON value that is rejected."""
        return self.samples.invalid

    @property
    def new_value(self) -> str:
        """Return an expression for the value of a new row. If the field is unique, so is each of its values."""
        differs = self.varied or (self.unique and self.samples.unique)
        return self.samples.unique if differs else self.samples.sample

    @property
    def slug_samples(self) -> tuple[str, str, str, str]:
        """Return four texts for which slugs are made: three that become `tea`, and one of which nothing is left."""
        low = int(self.min or 1)
        one, two, three, none = (quoted(text.ljust(low, text[-1])) for text in ("Tea?", "Tea!", "Tea.", "!?"))
        return one, two, three, none

    @property
    def ascending_samples(self) -> tuple[str, str]:
        """Return the sample and the other value, the smaller one first."""
        return (self.changed, self.sample) if self.samples.descending else (self.sample, self.changed)

    @property
    def is_searchable(self) -> bool:
        """Return whether its samples are long enough for a search to tell them apart."""
        return len(self.changed) > MIN_SEARCH_SAMPLE


def title_of(fields: Iterable[Field]) -> Field | None:
    """Return the field that names a row: the one marked `title`, or else the first text."""
    fields = list(fields)
    given = [item for item in fields if not (item.source or item.readonly)]
    texts = [item for item in given if item.type in {"str", "text", "slug", "email", "url"}]
    return next((item for item in fields if item.title), next(iter(texts), None))
