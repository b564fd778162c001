"""Template context: a resource and its fields."""

import builtins
import shlex
from dataclasses import dataclass, field
from functools import cached_property

from scaffold.field_types import FIELD_TYPES, FieldType, Samples
from scaffold.names import Names, camel, label, words
from scaffold.plurals import singular, word_set

RESERVED_ALIASES = word_set(
    "Annotated AwareUtcDatetime Decimal EmailStr Field HttpUrlString Int32 Int64 JsonObject JsonValue Literal"
    " PageParams RecordResponse Schema SearchText ShortText SingleLine Slug StringConstraints TimeOfDay"
)

CLASSES = frozenset({"create", "dep", "list", "read", "update"})
"""What the names of the classes of a resource end with."""

MAX_LINE_LENGTH = 108
MIN_SEARCH_SAMPLE = 8


@dataclass(frozen=True)
class Target(Names):
    """Another resource, as a reference sees it."""

    access: str = "owned"
    title_field: "Field | None" = None
    pages: bool = False
    """Whether it has pages to link to."""
    admin: bool = False
    """Whether the admin shows it."""
    refers_to: frozenset[str] = frozenset()
    """The features that its code imports: a reference from one of them would close a circle of imports."""


@dataclass(frozen=True)
class Field:
    """A field of a resource: what was written, and all that follows from it."""

    owner: Names
    name: str
    kind: str
    args: tuple[str, ...] = ()
    optional: bool = False
    unique: bool = False
    index: bool = False
    search: bool = False
    title: bool = False
    default_text: str | None = None
    low: str = ""
    high: str = ""
    on_delete: str = "restrict"
    target: Target = field(default_factory=lambda: Target("", ""))
    """The resource that a reference names."""

    @cached_property
    def row(self) -> FieldType:
        """Return what is special about the kind."""
        return FIELD_TYPES[self.kind]

    @cached_property
    def samples(self) -> Samples:
        """Return values for tests."""
        return self.row.samples_of(self)

    @property
    def column(self) -> str:
        """Return the name in the database and in JSON: author_id of an author, genre_ids of genres."""
        if self.kind == "many":
            return f"{singular(self.name) or self.name}_ids"
        return f"{self.name}_id" if self.kind == "ref" else self.name

    @property
    def words(self) -> str:
        """Return the name for people, in a sentence."""
        return words(self.name)

    @property
    def label(self) -> str:
        """Return the name for people, at the start of a line."""
        return label(self.name)

    @property
    def python(self) -> str:
        """Return the type in Python."""
        return self.row.python_of(self)

    @property
    def annotation(self) -> str:
        """Return the type in Python, with None when there may be none."""
        return f"{self.python} | None" if self.optional else self.python

    @property
    def read(self) -> str:
        """Return the type in answers, with None when there may be none."""
        kind = self.row.read or self.python
        return f"{kind} | None" if self.optional else kind

    @property
    def alias(self) -> str:
        """Return the name of its type in the schemas, where more than the type is demanded."""
        name = camel(self.column)
        taken = (
            len(name) == 1 or name in RESERVED_ALIASES or hasattr(builtins, name) or name.startswith(self.owner.name)
        )
        return f"{name}Value" if taken else name

    @property
    def check(self) -> str:
        """Return what a schema demands, or nothing when the type says all."""
        return self.row.check_of(self)

    @property
    def schema(self) -> str:
        """Return the type in the schemas."""
        check = self.check
        name = check if check.isidentifier() else self.alias if check else self.python
        return f"{name} | None" if self.optional else name

    @property
    def has_alias(self) -> bool:
        """Return whether the schemas give its type a name."""
        return bool(self.check) and not self.check.isidentifier()

    @property
    def default(self) -> str | None:
        """Return the default as a Python literal."""
        return None if self.default_text is None else self.row.default_of(self, self.default_text)

    @property
    def required(self) -> bool:
        """Return whether a new row must say it."""
        return self.default_text is None and not self.optional and self.kind != "many"

    @property
    def create_default(self) -> str:
        """Return what a new row has when it does not say."""
        if self.kind == "many":
            return " = Field(default_factory=list)"
        if self.default is not None:
            return f" = {self.default}"
        return " = None" if self.optional else ""

    @property
    def mapped(self) -> str:
        """Return the column of the model, after its annotation."""
        parts = [self.row.column_of(self)] if self.row.column_of(self) else []
        if self.kind == "ref":
            rules = {"cascade": ', ondelete="CASCADE"', "null": ', ondelete="SET NULL"'}
            parts.append(f'ForeignKey("{self.target.plural}.id"{rules.get(self.on_delete, "")})')
        if self.default_text is not None:
            parts.append(f"server_default={self.row.server_default_of(self, self.default_text)}")
        return f" = mapped_column({', '.join(parts)})" if parts else ""

    @property
    def filtered(self) -> bool:
        """Return whether lists can be narrowed by it."""
        return self.row.filters or self.index or (self.unique and self.kind != "ref")

    @property
    def sorted(self) -> bool:
        """Return whether lists can be sorted by it."""
        return self.row.sorts and (self.index or self.unique) and not self.optional

    @property
    def taken_error(self) -> str:
        """Return the name of the error that says that another row has this value."""
        return f"{self.owner.cls}{camel(self.name)}Taken"

    @property
    def enum_name(self) -> str:
        """Return the name of its enumeration."""
        name = f"{self.owner.cls}{camel(self.name)}"
        return f"{name}Value" if self.name in CLASSES else name

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the values of an enumeration."""
        return self.args if self.kind == "enum" else ()

    @property
    def members(self) -> tuple[tuple[str, str], ...]:
        """Return the names and the values of an enumeration."""
        return tuple((value.upper().replace("-", "_"), value) for value in self.choices)

    @property
    def length(self) -> int:
        """Return the greatest length of a text."""
        return int(self.args[0]) if self.kind == "str" and self.args else {"slug": 100, "email": 320, "url": 2000}.get(
            self.kind, int(self.high or 50_000) if self.kind == "text" else 255
        )  # fmt: skip

    @property
    def digits(self) -> int:
        """Return how many digits a decimal has."""
        return int(self.args[0]) if self.args else 12

    @property
    def places(self) -> int:
        """Return how many of them come after the point."""
        return int(self.args[1]) if self.args else 2

    @property
    def item(self) -> str:
        """Return what a list holds."""
        return self.args[0] if self.args else "str"

    @property
    def min(self) -> str:
        """Return the least number, length or size that was asked for."""
        return self.low

    @property
    def max(self) -> str:
        """Return the greatest number, length or size that was asked for."""
        return self.high

    @property
    def step(self) -> str:
        """Return the step of a number in a form."""
        return f"0.{'1'.rjust(self.places, '0')}" if self.kind == "decimal" and self.places else self.row.step or "1"

    @property
    def is_self(self) -> bool:
        """Return whether it refers to rows of its own table."""
        return self.target.plural == self.owner.plural

    @property
    def sample(self) -> str:
        """Return a JSON value, as a Python expression."""
        return self.samples.sample

    @property
    def changed(self) -> str:
        """Return another JSON value."""
        return self.samples.changed

    @property
    def refused(self) -> str:
        """Return a JSON value that is refused."""
        return self.samples.refused

    @property
    def fresh(self) -> str:
        """Return an expression that gives a value for a new row; another one each time, if it is unique."""
        return self.samples.fresh if self.unique and self.samples.fresh else self.samples.sample

    @property
    def rising(self) -> tuple[str, str]:
        """Return the sample and the other value, the smaller one first."""
        falls = self.samples.falls
        return (self.changed, self.sample) if falls else (self.sample, self.changed)

    @property
    def is_searchable(self) -> bool:
        """Return whether its values for tests are long enough to be told apart by a search."""
        return len(self.changed) > MIN_SEARCH_SAMPLE

    @property
    def json_default(self) -> str:
        """Return the JSON value that a new row has when it does not say, as a Python expression."""
        if self.optional:
            return "None"
        if self.kind in {"many", "list"}:
            return "[]"
        if self.kind == "bool":
            return str(self.default)
        return "{}" if self.kind == "json" else self.row.json_of(self, self.default_text or "")

    @property
    def form_sample(self) -> str:
        """Return what a form sends for the sample, as a Python literal."""
        return repr(self.samples.form_sample)

    @property
    def form_changed(self) -> str:
        """Return what a form sends for the other value, as a Python literal."""
        return repr(self.samples.form_changed)


@dataclass(frozen=True)
class Resource(Names):
    """A resource: everything that the templates need to know."""

    access: str = "owned"
    fields: tuple[Field, ...] = ()
    pages: bool = True
    admin: bool = True
    commands: tuple[tuple[str, ...], ...] = ()
    """The command lines that wrote it, one word each."""

    @property
    def owned(self) -> bool:
        """Return whether each row belongs to a user, who alone sees it."""
        return self.access == "owned"

    @property
    def shared(self) -> bool:
        """Return whether all who are signed in read and write."""
        return self.access == "shared"

    @property
    def public(self) -> bool:
        """Return whether everybody reads."""
        return self.access == "public"

    @property
    def admin_only(self) -> bool:
        """Return whether it is for admins alone."""
        return self.access == "admin"

    @property
    def command_lines(self) -> list[str]:
        """Return the command lines, broken so that they fit: a line that goes on ends with a backslash."""
        return [line for command in self.commands for line in wrap_command(command)]

    @property
    def breaks_lines(self) -> bool:
        """Return whether there is a backslash among them."""
        return any(line.endswith("\\") for line in self.command_lines)

    @property
    def tables(self) -> list[str]:
        """Return the names of its tables."""
        return [self.plural, *self.tables_of(self.fields)]

    def tables_of(self, fields: tuple[Field, ...]) -> list[str]:
        """Return the names of the tables that relate it to many others."""
        return [f"{self.plural}_{item.name}" for item in fields if item.kind == "many"]

    @property
    def dump_exclude(self) -> str:
        """Return the argument that keeps what is no column out of a dump."""
        names = ", ".join(f'"{item.column}"' for item in self.many_fields)
        return f"exclude={{{names}}}" if names else ""

    @property
    def columns(self) -> list[Field]:
        """Return the fields that are columns of the table."""
        return [item for item in self.fields if item.kind != "many"]

    @property
    def title_field(self) -> Field | None:
        """Return the field that names a row to people; without one, its id does."""
        return title_of(self.fields)

    @property
    def unique_fields(self) -> list[Field]:
        """Return the fields whose values are unique."""
        return [item for item in self.fields if item.unique]

    @property
    def unique_sentence(self) -> str:
        """Return what callers are told about uniqueness, with a space before it."""
        among = f" among your {self.plural_words}" if self.owned else ""
        if not self.unique_fields:
            return ""
        if len(self.unique_fields) > 1:
            return f" Some fields must be unique{among}: the 409 response names the one that is taken."
        return f" The {self.unique_fields[0].words} must be unique{among}."

    @property
    def search_fields(self) -> list[Field]:
        """Return the fields that `?q=` looks into."""
        return [item for item in self.fields if item.search]

    @property
    def filter_fields(self) -> list[Field]:
        """Return the fields that lists can be narrowed by."""
        return [item for item in self.fields if item.filtered]

    @property
    def sort_fields(self) -> list[Field]:
        """Return the fields that lists can be sorted by."""
        return [item for item in self.fields if item.sorted]

    @property
    def has_list_params(self) -> bool:
        """Return whether a list has parameters of its own."""
        return bool(self.search_fields or self.filter_fields or self.sort_fields)

    @property
    def reference_fields(self) -> list[Field]:
        """Return the references to one row."""
        return [item for item in self.fields if item.kind == "ref"]

    @property
    def many_fields(self) -> list[Field]:
        """Return the references to many rows."""
        return [item for item in self.fields if item.kind == "many"]

    @property
    def has_references(self) -> bool:
        """Return whether there are references to check."""
        return bool(self.reference_fields or self.many_fields)

    @property
    def targets(self) -> list[Target]:
        """Return the other resources that it refers to, each once."""
        found = {item.target.plural: item.target for item in self.fields if item.target.plural not in {"", self.plural}}
        return [found[plural] for plural in sorted(found)]

    @property
    def enum_fields(self) -> list[Field]:
        """Return the fields that are one of a few words."""
        return [item for item in self.fields if item.kind == "enum"]

    @property
    def indexes(self) -> list[tuple[str, ...]]:
        """Return the columns of each index that keys and unique constraints do not give."""
        own = ("owner_id",) if self.owned else ()
        found: list[tuple[str, ...]] = [("owner_id", "id")] if self.owned else []
        for item in self.fields:
            if item.kind == "ref" and not item.unique:
                found.append((item.column, "id"))  # serves the deletion of what it refers to as well
            elif item.filtered and not item.unique:
                found.append((*own, item.column, "id"))
        return found


def wrap_command(command: tuple[str, ...]) -> list[str]:
    """Break a command line, quoted as a shell needs it, so that each part fits into a docstring."""
    lines = [""]
    for word in map(shlex.quote, command):
        if lines[-1] and len(lines[-1]) + len(word) > MAX_LINE_LENGTH:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines


def title_of(fields: tuple[Field, ...]) -> Field | None:
    """Return the field that names a row to people: the one marked `title`, else the first text."""
    texts = [item for item in fields if item.kind in {"str", "text", "slug", "email", "url"}]
    return next((item for item in fields if item.title), next(iter(texts), None))
