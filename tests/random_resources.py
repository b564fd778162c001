"""Command lines of `app new resource`: those of the documentation, and valid random ones."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.random_fields import random_field

_COMPARED = (
    ("int:min=-3", "1"),
    ("bigint", "0"),
    ("float", "0.5"),
    ("float:max=9", ""),
    ("decimal=7,2", "1.25"),
    ("date", "2026-01-31"),
    ("datetime", ""),
    ("time", "08:30"),
    ("duration:min=0s", "1h30m"),
)
_TURNED = {"<": ">", "<=": ">=", "!=": "!="}


def words_of(text: str) -> list[str]:
    """Split a text into its words."""
    return text.split()


AUTHOR = "Author name:str=120 bio:text:optional"
BOOK = (
    "Book title:str=200 isbn:str=13:unique pages:int:optional price:decimal=10,2 "
    "published:date:optional status:enum=draft,live:default=draft author:ref=Author tags:list=str"
)
RATING = "rating:int:default=3:min=1:max=5"
NAMES = words_of("""
    Person Child Leaf Category BookReview Box Analysis News HttpLog Address Wolf Quiz Tax
    Datum Order Item Group Key Client Price Concert Tag Task Comment Invoice Staff Day Series
    Index2 Match Branch Country Hero Shelf Tooth Supplier Warehouse OrderLine Api3Call Ox Row
""")
PLURALS = {"Datum": "data_points", "Index2": "indices2"}
FIELDS = words_of("""
    title name code note body label amount count size state mark place reason first_name x1
    quite_a_long_name order group user key value type hash date time
    text email url kind data items path status author parent comment message row rows page
    pages form error options values search loop
""")
USERS = words_of("""
    ref=User ref=User:optional ref=User:unique ref=User:optional:on_delete=cascade many=User
""")


ACCESSES = {
    ("owner", "owner"): ("", 5),
    ("members", "members"): ("--access shared", 2),
    ("everyone", "editors"): ("--access public", 2),
    ("everyone", "owner"): ("--access published", 2),
    ("admins", "admins"): ("--access admin", 1),
    ("members", "owner"): ("--read members", 1),
    ("members", "editors"): ("--read members --write editors", 1),
    ("members", "admins"): ("--read members --write admins", 1),
    ("everyone", "members"): ("--read everyone --write members", 1),
    ("everyone", "admins"): ("--read everyone --write admins", 1),
}
"""Who reads and who writes → its options, and how often it is drawn."""
OWNER = ("owner", "owner")


@dataclass(frozen=True)
class Command:
    """Arguments of `app new resource`."""

    name: str
    arguments: tuple[str, ...]
    read: str
    write: str
    deleted_with_users: bool
    """Whether its rows are deleted with users who don't own them."""
    hidden_with_parent: bool = False
    """Whether it is under a row that only its owner sees."""
    later: tuple[str, ...] = ()
    """References to resources that are generated after it."""

    @property
    def expected_access(self) -> tuple[str, str]:
        """Return who reads and who writes, as references to its rows must expect."""
        return OWNER if self.hidden_with_parent else (self.read, self.write)

    @property
    def in_file(self) -> tuple[str, ...]:
        """Return the arguments of its block in a file, which include the later references."""
        return self.arguments[0], *self.later, *self.arguments[1:]


def random_commands(names: Sequence[str], random: Random) -> list[Command]:
    """Return a random resource for each name. Each may refer to any other, or be under one."""
    commands: list[Command] = []
    for name in names:
        commands.append(_random_command(name, commands, random))
    for place, command in enumerate(commands):
        if random.random() < 0.2:
            later = _random_relation("back", random.choice(commands[place:]), command, random)
            commands[place] = replace(command, later=(later,) if later else ())
    return commands


def _random_command(name: str, others: list[Command], random: Random) -> Command:
    parent = _random_parent(others, random)
    read, write, options = _random_access(parent, random)
    snake = re.sub(r"(?<!^)([A-Z])", r"_\1", parent.name).lower() if parent else ""
    names = [found for found in random.sample(FIELDS, random.randint(2, 8)) if found != snake]
    fields = [f"{field}:{random_field(random)}" for field in names]
    command = Command(name, (), read, write, _is_deleted_with(parent), _is_hidden(parent))
    related = random.sample(others, min(len(others), random.choice((0, 0, 1, 1, 2))))
    for number, target in enumerate(related):
        relation = _random_relation(f"related{number}", target, command, random)
        fields += [relation] if relation else []
        if relation.endswith("cascade") and _is_deleted_with_users(target, write):
            command = replace(command, deleted_with_users=True)
    people = [f"user{n}:{random.choice(USERS)}" for n in range(random.choice((0, 0, 1, 2)))]
    if any(user.endswith(("ref=User", ":unique", "cascade")) for user in people):
        command = replace(command, deleted_with_users=True)
    fields += [*people, *_random_self_references(command, random)]
    compared, checks = _random_check(random) if random.random() < 0.3 else ([], [])
    fields = [fields[0], *(_random_readonly(field, random) for field in fields[1:])]
    fields += compared
    fields += random.choice(
        (["upload:image"], ["upload:file:max=1MB:types=txt,pdf"], [], [], [], [])
    )
    random.shuffle(fields)
    is_scoped = write == "owner" or parent is not None
    fields = [_random_scope(field, random) if is_scoped else field for field in fields]
    fields = _with_title(fields, random)
    arguments = [name, *fields, *_random_slug(fields, command, parent, random)]
    if together := _random_combination(fields, random):
        arguments += ["--unique", together]
    arguments += [*checks, *options]
    arguments += ["--plural", PLURALS[name]] if name in PLURALS else []
    arguments += ["--under", parent.name] if parent else []
    above = parent.arguments if parent else ()
    for option in ("--no-admin", "--no-pages"):
        arguments += [option] if option in above or random.random() < 0.1 else []
    return replace(command, arguments=tuple(arguments))


def _random_parent(others: list[Command], random: Random) -> Command | None:
    """Return a resource to be under, preferably one that is under another."""
    parents = [other for other in others if not {"--by", "--under"} <= {*other.arguments}]
    if not parents or random.random() > 0.3:
        return None
    nested = [other for other in parents if "--under" in other.arguments]
    return random.choice(nested if nested and random.random() < 0.4 else parents)


def _random_access(parent: Command | None, random: Random) -> tuple[str, str, list[str]]:
    """Return who reads and who writes, and the options that say so."""
    if parent is None:
        read, write = random.choices([*ACCESSES], [weight for _, weight in ACCESSES.values()])[0]
        return read, write, ACCESSES[read, write][0].split()
    above = parent.expected_access
    if above[0] == "owner":
        return "members", "members", []
    if above[0] == "admins" or (above[1] != "owner" and random.random() < 0.3):
        return *above, []
    possible = {"owner", "members", "everyone"} - ({"everyone"} - {above[0]})
    read, write = random.choice([access for access in ACCESSES if access[0] in possible])
    return read, write, (ACCESSES[read, write][0] or "--access owned").split()


def _is_hidden(parent: Command | None) -> bool:
    return parent is not None and parent.expected_access[0] == "owner"


def _is_deleted_with(parent: Command | None) -> bool:
    """Return whether rows are deleted with the account of another user, with the row above them."""
    return parent is not None and (
        parent.expected_access[1] == "owner" or parent.deleted_with_users
    )


def _random_self_references(command: Command, random: Random) -> list[str]:
    fields = []
    if random.random() < 0.3:
        ends = ["", ":on_delete=null", ":on_delete=cascade"]
        is_restricted = command.write != "owner" or command.read == "owner"
        end = random.choice(ends if is_restricted else ends[1:])
        fields.append(f"above:ref={command.name}:optional{end}")
    if random.random() < 0.15:
        fields.append(f"others:many={command.name}")
    return fields


def _with_title(fields: list[str], random: Random) -> list[str]:
    """Mark a text as the title, or none."""
    pattern = r"\w+:(str|text|slug|email|url)\b(?!.*:readonly)"
    texts = [field for field in fields if re.match(pattern, field)]
    title = random.choice(texts) if texts and random.random() < 0.3 else ""
    return [f"{field}:title" if field == title else field for field in fields]


def _random_combination(fields: list[str], random: Random) -> str:
    """Return two fields that are unique together, or an empty string."""
    pattern = r"(\w+):(str=\d{2,3}(?!\d)|slug|date|datetime|uuid|int|ref=)(?!.*:(unique|readonly))"
    names = [found[1] for field in fields if (found := re.match(pattern, field))]
    names = [name for name in names if name != "above"]
    return ",".join(random.sample(names, 2)) if len(names) > 1 and random.random() < 0.5 else ""


def _random_scope(field: str, random: Random) -> str:
    is_unique = "unique" in field.split(":")[2:]
    return f"{field}:globally" if is_unique and random.random() < 0.3 else field


def _random_readonly(field: str, random: Random) -> str:
    """Let the server set some of the fields that need no value."""
    _, type_, *modifiers = field.split(":")
    needs_none = any(part.partition("=")[0] in {"optional", "default"} for part in modifiers)
    plain = not type_.startswith(("ref", "many")) and "unique" not in modifiers
    return f"{field}:readonly" if needs_none and plain and random.random() < 0.3 else field


def _random_slug(
    fields: list[str], command: Command, parent: Command | None, random: Random
) -> list[str]:
    """Return a slug that is made from a text and may be in URLs, or an unique one, or nothing."""
    inputs = [field for field in fields if ":readonly" not in field]
    texts = [field.split(":")[0] for field in inputs if ":str=" in field or ":text" in field]
    chosen = random.random()
    if chosen < 0.6:
        return []
    source = f":from={random.choice(texts)}" if texts and chosen < 0.9 else ":unique"
    place = ["--by", "the_slug"] if random.random() < (0.3 if parent else 0.6) else []
    for_all = place and command.read != "owner" and command.write == "owner"
    is_scoped = command.write == "owner" or parent is not None
    scope = ":globally" if is_scoped and (for_all or random.random() < 0.3) else ""
    return [f"the_slug:slug{source}{scope}", *place]


def _random_check(random: Random) -> tuple[list[str], list[str]]:
    """Return two fields, and a comparison of them, sometimes one with a value too."""
    kind, value = random.choice(_COMPARED)
    sign = random.choice(("<", "<=", "!="))
    fields = [f"least:{kind}", f"most:{kind}{random.choice(('', '', ':optional', ':unique'))}"]
    checks = [random.choice((f"least {sign} most", f"most {_TURNED[sign]} least"))]
    checks += [f"least != {value}"] if value and random.random() < 0.5 else []
    return fields, [part for check in checks for part in ("--check", check)]


def _random_relation(field: str, target: Command, command: Command, random: Random) -> str:
    """Return a reference to another resource, or nothing if there can't be one.

    A reference to one that is generated later is called back. It has to be optional.
    """
    if target.read == "admins" and command.write != "admins":
        return ""
    if random.random() < 0.3:
        return f"{field}:many={target.name}"
    is_restricted = target.name != command.name and _is_deleted_with_users(target, command.write)
    if field == "back":
        ends = [":optional:on_delete=null", *([] if is_restricted else [":optional"])]
    else:
        ends = [":on_delete=cascade", ":optional:on_delete=null"]
        restricting = ["", ":optional", ":optional:on_delete=cascade", ":unique"]
        ends += [] if is_restricted else restricting
    return f"{field}:ref={target.name}{random.choice(ends)}"


def _is_deleted_with_users(target: Command, write: str) -> bool:
    """Return whether a user's account can delete rows that others' rows refer to."""
    expected = target.expected_access
    is_own = expected[0] == "owner" and write == "owner"
    return target.deleted_with_users or (expected[1] == "owner" and not is_own)
