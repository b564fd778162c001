"""Random changes of generated resources, and what `app features --schema` prints after each.

Most changes are valid. Whether one is decided by the command: what it refuses must change nothing.
"""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.random_fields import random_field
from tests.random_resources import FIELDS, NAMES, PLURALS, Command

CONVERSIONS = {
    "str": "str str text",
    "slug": "slug str text",
    "email": "email str",
    "phone": "phone text",
    "url": "url str",
    "enum": "enum enum str",
    "text": "text str date",
    "int": "int bigint float",
    "bigint": "bigint int",
    "date": "date datetime",
}
"""Type → types to change it to. The last one of texts and dates is refused."""


@dataclass(frozen=True)
class Resource:
    """A resource as `app features --schema` prints it."""

    name: str
    fields: tuple[str, ...]
    options: tuple[tuple[str, ...], ...]
    """Each with its value, if it takes one."""

    @property
    def lines(self) -> list[str]:
        """Return its lines in an order that doesn't depend on the order of the commands."""
        return [self.name, *sorted(self.fields), *sorted(map(" ".join, self.options))]


@dataclass(frozen=True)
class Change:
    """A command line, and what it renames or removes."""

    line: tuple[str, ...]
    after: tuple[Resource, ...]
    """The resources, if the command succeeds."""
    old: str = ""
    new: str = ""
    """The new name of a field or a resource; empty if it is removed."""


def resources_of(commands: Iterable[Command]) -> tuple[Resource, ...]:
    """Return resources as the blocks of a file."""
    return tuple(_parsed(command.in_file) for command in commands)


def printed_resources(text: str) -> tuple[Resource, ...]:
    """Return the resources that `app features --schema` printed."""
    return tuple(_parsed(shlex.split(block)) for block in text.split("\n\n"))


def _parsed(words: Sequence[str]) -> Resource:
    name, *rest = words
    fields: list[str] = []
    options: list[tuple[str, ...]] = []
    for word in rest:
        if word.startswith("--"):
            options.append((word,))
        elif options and len(options[-1]) == 1 and not options[-1][0].startswith("--no-"):
            options[-1] = (*options[-1], word)
        else:
            fields.append(word)
    return Resource(name, tuple(fields), tuple(options))


def random_change(resources: tuple[Resource, ...], random: Random) -> Change:
    """Return a random change of one of the resources."""
    resource = random.choice(resources)
    draw = random.choices(
        (_rename_field, _change_field, _remove_field, _add_field, _rename_resource, _destroy),
        (4, 4, 3, 3, 2, 1),
    )[0]
    return draw(resources, resource, random)


def _rename_field(all_: tuple[Resource, ...], resource: Resource, random: Random) -> Change:
    old = _name_of(random.choice(resource.fields))
    new = random.choice(FIELDS)
    fields = tuple(_with_new_name(spec, old, new) for spec in resource.fields)
    pattern = re.compile(rf"\b{old}\b")
    options = tuple(
        (option, pattern.sub(new, value[0]))
        if option in {"--unique", "--check", "--by"}
        else (option, *value)
        for option, *value in resource.options
    )
    after = _replaced(all_, replace(resource, fields=fields, options=options))
    line = ("rename", "field", resource.name, old, new, *_expand(random))
    return Change(line, after, old, new)


def _with_new_name(spec: str, old: str, new: str) -> str:
    name, _, rest = spec.partition(":")
    if name == old:
        return f"{new}:{rest}"
    return re.sub(rf":from={old}(?=:|$)", f":from={new}", spec)


def _change_field(all_: tuple[Resource, ...], resource: Resource, random: Random) -> Change:
    chosen = random.choice(resource.fields)
    name, kind, *modifiers = chosen.split(":")
    type_ = kind.partition("=")[0]
    if type_ in {"ref", "many"} or any(part.startswith("from=") for part in modifiers):
        kept = [part for part in modifiers if part != "index"]
        flag = random.choice(["optional", "title", "globally", "search"])
        modifiers = [part for part in kept if part != flag] + [flag] * (flag not in kept)
        spec = ":".join([name, kind, *modifiers])
    else:
        new = random.choice(CONVERSIONS.get(type_, type_).split())
        spec = f"{name}:{random_field(random, new)}"
    fields = tuple(spec if found == chosen else found for found in resource.fields)
    after = _replaced(all_, replace(resource, fields=fields))
    return Change(("change", "field", resource.name, spec), after)


def _remove_field(all_: tuple[Resource, ...], resource: Resource, random: Random) -> Change:
    old = _name_of(random.choice(resource.fields))
    fields = tuple(spec for spec in resource.fields if _name_of(spec) != old)
    named = {"--unique", "--check", "--by"}
    options = tuple(
        option
        for option in resource.options
        if option[0] not in named or not re.search(rf"\b{old}\b", option[1])
    )
    after = _replaced(all_, replace(resource, fields=fields, options=options))
    return Change(("remove", "field", resource.name, old, *_expand(random)), after, old)


def _add_field(all_: tuple[Resource, ...], resource: Resource, random: Random) -> Change:
    name, kind = random.choice(FIELDS), "field"
    if random.random() < 0.4:
        kind, target = "relation", random.choice(all_).name
        ends = (f"ref={target}:optional:on_delete=null", f"ref={target}:optional", f"many={target}")
        spec = f"{name}:{random.choice(ends)}"
    else:
        spec = f"{name}:{random_field(random)}"
        has_value = re.search(r":(optional|default=|from=)", spec)
        spec += "" if has_value or random.random() < 0.1 else ":optional"
    options: tuple[tuple[str, ...], ...] = ()
    if kind == "field" and random.random() < 0.2:
        options = (("--unique", f"{_name_of(random.choice(resource.fields))},{name}"),)
    added = replace(
        resource, fields=(*resource.fields, spec), options=(*resource.options, *options)
    )
    line = ("add", kind, resource.name, spec, *(word for option in options for word in option))
    return Change(line, _replaced(all_, added))


def _rename_resource(all_: tuple[Resource, ...], resource: Resource, random: Random) -> Change:
    old, new = resource.name, random.choice(NAMES)
    pattern = re.compile(rf"(:(?:ref|many)=){old}(?=:|$)")
    after = tuple(
        Resource(
            new if other.name == old else other.name,
            tuple(pattern.sub(rf"\g<1>{new}", spec) for spec in other.fields),
            tuple(
                ("--under", new) if option == ("--under", old) else option
                for option in other.options
                if other.name != old or option[0] != "--plural"
            ),
        )
        for other in all_
    )
    given = ("--plural", PLURALS[new]) if new in PLURALS else ()
    if given:
        after = tuple(
            replace(other, options=(*other.options, given)) if other.name == new else other
            for other in after
        )
    return Change(("rename", "resource", old, new, *given), after, old, new)


def _destroy(all_: tuple[Resource, ...], resource: Resource, random: Random) -> Change:  # noqa: ARG001
    after = tuple(other for other in all_ if other != resource)
    return Change(("destroy", resource.name, "--force"), after, resource.name)


def _replaced(all_: tuple[Resource, ...], changed: Resource) -> tuple[Resource, ...]:
    return tuple(changed if other.name == changed.name else other for other in all_)


def _expand(random: Random) -> list[str]:
    return ["--expand"] if random.random() < 0.2 else []


def _name_of(spec: str) -> str:
    return spec.partition(":")[0]
