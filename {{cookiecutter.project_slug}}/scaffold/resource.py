"""Template context: a resource and its fields."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import wrap

from scaffold.access import OWNED, Access
from scaffold.constraints import Constraints
from scaffold.field import Field, title_of
from scaffold.field_spec import Target
from scaffold.unique import Unique

MAX_LINE_LENGTH = 108
MAX_INLINE_FIELDS = 12


@dataclass(frozen=True)
class Resource(Constraints):
    """A resource, as templates see it."""

    access: Access = OWNED
    pages: bool = True
    admin: bool = True
    commands: tuple[tuple[str, ...], ...] = ()
    """The command lines that generated it, each split into arguments."""
    by: str = ""
    """The field that URLs contain; empty if they contain the ID."""
    under: Field | None = None
    """The reference to the row that URLs contain first: `--under`."""
    live: bool = False
    """Whether changes are published, and the list page shows them: `--live`."""

    @property
    def content(self) -> tuple[object, ...]:
        """Return what the commands specify, however they are divided and ordered."""
        parts = frozenset(self.fields), frozenset(self.unique_together), frozenset(self.checks)
        return self.name, self.plural, *parts, self.access, self.pages, self.admin, self.by, self.under, self.live

    def is_per_owner(self, unique: Unique) -> bool:
        """Return whether only the rows of one owner must differ."""
        return self.access.owned and not unique.globally

    def scope_of(self, unique: Unique) -> list[str]:
        """Return the columns within which a value is unique, such as that of the owner."""
        parent = [self.under.column] if self.under and not unique.globally else []
        return ["owner_id"] * self.is_per_owner(unique) + parent

    @property
    def route(self) -> str:
        """Return its path: `comments` or `articles/{article_id}/comments`."""
        if self.under is None:
            return self.path
        return f"{self.under.target.path}/{{{self.under.target.key_param}}}/{self.path}"

    @property
    def list_path(self) -> str:
        """Return the path of its list, as part of an f-string: `comments` or `articles/{article.id}/comments`."""
        if self.under is None:
            return self.path
        parent = self.under.target
        return f"{parent.path}/{{{parent.variable}.{parent.key}}}/{self.path}"

    @property
    def list_link(self) -> str:
        """Return the path of its list, as part of a template."""
        return self.list_path.replace("{", "{{ ").replace("}", " }}")

    @property
    def live_columns(self) -> list[str]:
        """Return the columns whose values decide who gets a change."""
        return ["owner_id"] * self.access.private + ([self.under.column] if self.under else [])

    @property
    def has_inline(self) -> bool:
        """Return whether the admin's form of the row above has its rows.

        Their editors have a permission of their own, and fifty rows with more fields don't fit into a form.
        """
        is_small = len(self.fields) <= MAX_INLINE_FIELDS
        return self.admin and self.under is not None and self.access.write != "editors" and is_small

    @property
    def is_hidden_with_parent(self) -> bool:
        """Return whether only the scope of the row it is under decides who can read and write it."""
        return self.under is not None and self.under.target.access.private

    @property
    def key(self) -> str:
        """Return the attribute that URLs contain: `id` or a slug."""
        return self.by or "id"

    @property
    def key_param(self) -> str:
        """Return the name of the path parameter: `article_id` or `article_slug`."""
        return f"{self.snake}_{self.key}"

    @property
    def key_type(self) -> str:
        """Return the type of the path parameter."""
        return next((item.alias for item in self.fields if item.in_url), "UUID")

    @property
    def made_fields(self) -> list[tuple[Field, Field]]:
        """Return the slugs that are made from another field, each with that field."""
        named = {item.name: item for item in self.fields}
        return [(item, named[item.source]) for item in self.fields if item.source]

    @property
    def permission(self) -> str:
        """Return the permission that is required to write, as roles store it: `book-reviews:edit`, or none."""
        return {"editors": f"{self.path}:edit", "admins": "admin:access"}.get(self.access.write, "")

    @property
    def edit_permission(self) -> str:
        """Return the permission that is required to write but not to read, in Python, or none."""
        if not self.access.restricted or self.access.admin_only:
            return ""
        return f"{self.cls}Permission.EDIT" if self.access.write == "editors" else "Permission.ADMIN_ACCESS"

    @property
    def command_lines(self) -> list[str]:
        """Return the command lines, wrapped with a backslash at the end of a continued line."""
        return [line for command in self.commands for line in wrap_command(command)]

    @property
    def breaks_lines(self) -> bool:
        """Return whether a command line is wrapped, so that the docstring contains a backslash."""
        return any(line.endswith("\\") for line in self.command_lines)

    @property
    def tables(self) -> list[str]:
        """Return the names of its tables."""
        return [self.plural, *self.tables_of(self.fields)]

    def tables_of(self, fields: Iterable[Field]) -> list[str]:
        """Return the names of the association tables of these fields."""
        return [f"{self.plural}_{item.name}" for item in fields if item.type == "many"]

    @property
    def dump_exclude(self) -> str:
        """Return the argument of `model_dump` that excludes fields without a column."""
        names = ", ".join(f'"{item.column}"' for item in self.many_fields)
        return f"exclude={{{names}}}" if names else ""

    @property
    def columns(self) -> list[Field]:
        """Return the fields that are columns of the table."""
        return [item for item in self.fields if item.type != "many"]

    @property
    def input_fields(self) -> list[Field]:
        """Return the fields of request bodies and forms."""
        return [item for item in self.fields if not item.readonly]

    @property
    def readonly_fields(self) -> list[Field]:
        """Return the fields that the server sets."""
        return [item for item in self.fields if item.readonly]

    @property
    def title_field(self) -> Field | None:
        """Return the field that names a row; without one, its id does."""
        return title_of(self.fields)

    @property
    def has_hidden_references(self) -> bool:
        """Return whether tests that repeat unique values can't use rows of `add_…`, which another admin creates."""
        unique = [item for group in self.uniques for item in group.fields]
        is_hidden = any(item.type == "ref" and item.target.access.private for item in unique)
        return is_hidden and self.access.restricted

    @property
    def unique_sentence(self) -> str:
        """Return what the API documentation says about uniqueness."""
        is_per_owner = self.access.owned and not any(item.globally for item in self.uniques)
        among = f" among your {self.plural_words}" if is_per_owner else ""
        if self.under and not any(item.globally for item in self.uniques):
            among = f"{among or f' among the {self.plural_words}'} of the {self.under.target.words}"
        if not self.uniques:
            return ""
        if len(self.uniques) > 1:
            return f"Some fields must be unique{among}: the 409 response names the one that is taken."
        together = " together" if self.unique_together else ""
        return f"The {self.uniques[0].words} must be unique{together}{among}."

    @property
    def create_docstring(self) -> str:
        """Return the docstring of the route that creates a row, in several lines if it is long."""
        text, more = f"Create {self.a} {self.words}.", self.unique_sentence
        if len(text) + len(more) < MAX_LINE_LENGTH:
            return f"{text} {more}".rstrip()
        return "\n    ".join([text + "\n", *wrap(more, MAX_LINE_LENGTH), ""])

    @property
    def search_fields(self) -> list[Field]:
        """Return the fields that `?q=` searches."""
        return [item for item in self.fields if item.search]

    @property
    def filter_fields(self) -> list[Field]:
        """Return the fields that lists can be filtered by."""
        return [item for item in self.fields if item.filtered]

    @property
    def sort_fields(self) -> list[Field]:
        """Return the fields that lists can be sorted by."""
        return [item for item in self.fields if item.sorted]

    @property
    def list_columns(self) -> list[Field]:
        """Return the fields that lists show: two that classify a row and two figures, required ones first."""
        fields = sorted((item for item in self.fields if item != self.title_field), key=lambda item: item.optional)
        kinds = ("enum", "ref"), ("bool", "int", "bigint", "decimal", "float", "date", "datetime")
        return [item for kind in kinds for item in [one for one in fields if one.type in kind][:2]]

    @property
    def has_list_params(self) -> bool:
        """Return whether lists have query parameters in addition to those of pagination."""
        return bool(self.search_fields or self.filter_fields or self.sort_fields)

    @property
    def reference_fields(self) -> list[Field]:
        """Return the references to one row."""
        return [item for item in self.fields if item.type == "ref"]

    @property
    def file_fields(self) -> list[Field]:
        """Return the files and images."""
        return [item for item in self.fields if item.is_file]

    @property
    def many_fields(self) -> list[Field]:
        """Return the references to many rows."""
        return [item for item in self.fields if item.type == "many"]

    @property
    def has_references(self) -> bool:
        """Return whether there are references to check."""
        return bool(self.reference_fields or self.many_fields)

    @property
    def targets(self) -> list[Target]:
        """Return the other resources that it refers to, without duplicates."""
        found = {item.target.plural: item.target for item in self.fields if item.target.plural not in {"", self.plural}}
        return [found[plural] for plural in sorted(found)]

    @property
    def imported(self) -> list[Target]:
        """Return the other resources that its code imports."""
        found = {item.plural: item for item in [*self.targets, *([self.under.target] if self.under else [])]}
        return [found[plural] for plural in sorted(found)]

    @property
    def circular_targets(self) -> list[Target]:
        """Return those whose code imports this resource, so that it can't import them when it is loaded."""
        return [item for item in self.targets if self.plural in item.refers_to]

    @property
    def needed_targets(self) -> list[Target]:
        """Return those of which the tests create rows with each row."""
        return [item for item in self.targets if self.plural not in item.refers_to]

    @property
    def enum_fields(self) -> list[Field]:
        """Return the enum fields."""
        return [item for item in self.fields if item.type == "enum"]

    @property
    def indexes(self) -> list[tuple[str, ...]]:
        """Return the columns of each index, except those of keys and unique constraints."""
        own = ("owner_id",) if self.access.private else ()
        found: list[tuple[str, ...]] = [("owner_id", "id")] if self.access.owned else []
        found += [(self.under.column, "id")] if self.under else []
        for item in self.fields:
            if item.unique and item.globally == self.access.others_read:
                continue  # the unique constraint is the index
            if item.type == "ref" and not item.globally:
                found.append((item.column, "id"))  # also used when the referenced row is deleted
            elif item.filtered:
                found.append((*own, item.column, "id"))
            elif item.is_file:
                found.append((item.column,))  # used when the file is deleted
        return found


def wrap_command(command: Iterable[str]) -> list[str]:
    """Quote a command line for a shell and wrap it to fit into a docstring."""
    lines = [""]
    for word in map(shlex.quote, command):
        if lines[-1] and len(lines[-1]) + len(word) > MAX_LINE_LENGTH:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines
