"""Command lines of `app new resource`: those of the documentation, and valid random ones."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

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

RandomType = tuple[str, list[str], str]
"""A field type with its arguments and bounds, the flags that it supports, and a default."""


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
ENUM_VALUES = (
    "draft",
    "live",
    "in-review",
    "Sent",
    "a1",
    "none",
    "true",
    "x_y",
    "A+",
    "B-",
    "in stock",
    ".5",
)


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


@dataclass(frozen=True)
class Command:
    """Arguments of `app new resource`."""

    name: str
    plural: str
    read: str
    write: str
    arguments: tuple[str, ...]
    deleted_with_users: bool
    """Whether its rows are deleted with users who don't own them."""


def random_commands(names: list[str], random: Random) -> list[Command]:
    """Return a random resource for each name. Each may reference those before it."""
    commands: list[Command] = []
    for name in names:
        commands.append(_random_command(name, commands, random))
    return commands


def _random_command(name: str, others: list[Command], random: Random) -> Command:
    weights = [weight for _, weight in ACCESSES.values()]
    read, write = random.choices([*ACCESSES], weights)[0]
    names = random.sample(FIELDS, random.randint(1, 8))
    fields = [f"{field}:{_random_field(random)}" for field in names]
    targets = [other for other in others if other.read != "admins" or write == "admins"]
    related = random.sample(targets, min(len(targets), random.choice((0, 0, 1, 1, 2))))
    relations = [
        _random_relation(f"related{number}", target, write, random)
        for number, target in enumerate(related)
    ]
    people = [f"user{n}:{random.choice(USERS)}" for n in range(random.choice((0, 0, 1, 2)))]
    fields += relations + people
    deleted_with_users = any(user.endswith(("ref=User", ":unique", "cascade")) for user in people)
    deleted_with_users |= any(
        relation.endswith("cascade") and _is_deleted_with_users(target, write)
        for relation, target in zip(relations, related, strict=True)
    )
    if random.random() < 0.2:
        ends = (":on_delete=null", ":on_delete=cascade")
        end = random.choice(("", *ends) if write != "owner" or read == "owner" else ends)
        fields.append(f"above:ref={name}:optional{end}")
    if random.random() < 0.1:
        fields.append(f"others:many={name}")
    compared, checks = _random_check(random) if random.random() < 0.3 else ([], [])
    fields = [fields[0], *(_random_readonly(field, random) for field in fields[1:])]
    fields += compared
    random.shuffle(fields)
    fields = [_random_scope(field, write, random) for field in fields]
    arguments = [name, *fields, *_random_slug(fields, read, write, random)]
    if together := _random_combination(fields, random):
        arguments += ["--unique", together]
    arguments += checks
    arguments += ACCESSES[read, write][0].split()
    arguments += ["--plural", PLURALS[name]] if name in PLURALS else []
    arguments += ["--no-admin"] if random.random() < 0.1 else []
    arguments += ["--no-pages"] if random.random() < 0.1 else []
    return Command(name, PLURALS.get(name, ""), read, write, tuple(arguments), deleted_with_users)


def _random_combination(fields: list[str], random: Random) -> str:
    """Return two fields that are unique together, or an empty string."""
    pattern = r"(\w+):(str=\d{2,3}(?!\d)|slug|date|datetime|uuid|int|ref=)(?!.*:(unique|readonly))"
    names = [found[1] for field in fields if (found := re.match(pattern, field))]
    names = [name for name in names if name != "above"]
    return ",".join(random.sample(names, 2)) if len(names) > 1 and random.random() < 0.5 else ""


def _random_scope(field: str, write: str, random: Random) -> str:
    is_unique = "unique" in field.split(":")[2:]
    return (
        f"{field}:globally" if write == "owner" and is_unique and random.random() < 0.3 else field
    )


def _random_readonly(field: str, random: Random) -> str:
    """Let the server set some of the fields that need no value."""
    _, type_, *modifiers = field.split(":")
    needs_none = any(part.partition("=")[0] in {"optional", "default"} for part in modifiers)
    plain = not type_.startswith(("ref", "many")) and "unique" not in modifiers
    return f"{field}:readonly" if needs_none and plain and random.random() < 0.3 else field


def _random_slug(fields: list[str], read: str, write: str, random: Random) -> list[str]:
    """Return a slug that is made from a text and may be in URLs, or an unique one, or nothing."""
    inputs = [field for field in fields if not field.endswith(":readonly")]
    texts = [field.split(":")[0] for field in inputs if ":str=" in field or ":text" in field]
    chosen = random.random()
    if chosen < 0.6:
        return []
    source = f":from={random.choice(texts)}" if texts and chosen < 0.9 else ":unique"
    place = ["--by", "the_slug"] if random.random() < 0.6 else []
    for_all = place and read != "owner"
    scope = ":globally" if write == "owner" and (for_all or random.random() < 0.3) else ""
    return [f"the_slug:slug{source}{scope}", *place]


def _random_check(random: Random) -> tuple[list[str], list[str]]:
    """Return two fields, and a comparison of them, sometimes one with a value too."""
    kind, value = random.choice(_COMPARED)
    sign = random.choice(("<", "<=", "!="))
    fields = [f"least:{kind}", f"most:{kind}{random.choice(('', '', ':optional', ':unique'))}"]
    checks = [random.choice((f"least {sign} most", f"most {_TURNED[sign]} least"))]
    checks += [f"least != {value}"] if value and random.random() < 0.5 else []
    return fields, [part for check in checks for part in ("--check", check)]


def _random_relation(field: str, target: Command, write: str, random: Random) -> str:
    if random.random() < 0.3:
        return f"{field}:many={target.name}"
    ends = [":on_delete=cascade", ":optional:on_delete=null"]
    if not _is_deleted_with_users(target, write):
        ends += ["", ":optional", ":optional:on_delete=cascade", ":unique"]
    return f"{field}:ref={target.name}{random.choice(ends)}"


def _is_deleted_with_users(target: Command, write: str) -> bool:
    """Return whether a user's account can delete rows that others' rows refer to."""
    is_own = target.read == "owner" and write == "owner"
    return target.deleted_with_users or (target.write == "owner" and not is_own)


def _random_field(random: Random) -> str:
    """Return a random type with random modifiers that it supports."""
    name = random.choice(list(_TYPES))
    text, flags, default = _TYPES[name](random)
    extra = random.choice(["", "", "", "optional", default, *flags])
    if extra and extra == default and not default.endswith("=") and random.random() < 0.4:
        extra += ":optional"
    if extra in flags and random.random() < 0.3 and "unique" not in extra:
        extra += ":optional"
    return f"{text}:{extra}" if extra else text


def _bounds(random: Random, low: int, high: int) -> str:
    least = random.randint(low, high - 1000)
    return random.choice(["", f":min={least}", f":min={least}:max={least + 1000}"])


def _fixed(text: str, flags: str, default: str = "") -> Callable[[Random], RandomType]:
    return lambda _: (text, flags.split(), default)


def _str(random: Random) -> RandomType:
    length = random.choice((10, 13, 40, 200, 255, 2000))
    bounds = random.choice(("", "", ":min=2"))
    flags = ["unique", "index", "search"] if length <= 500 else ["search"]  # the limit for an index
    return f"str={length}{bounds}", flags, "default=some"


def _slug(random: Random) -> RandomType:
    return (
        random.choice(("slug", "slug=20", "slug=220")),
        ["unique", "index", "search"],
        "default=some-slug",
    )


def _enum(random: Random) -> RandomType:
    values = random.sample(ENUM_VALUES, random.randint(2, 5))
    return f"enum={','.join(values)}", ["index"], f"default={random.choice(values)}"


def _int(random: Random) -> RandomType:
    return f"int{_bounds(random, -5000, 5000)}", ["unique", "index"], ""


def _duration(random: Random) -> RandomType:
    bounds = random.choice(("", ":min=0s", ":max=8h", ":min=-1.5s:max=30d", ":min=2m:max=1h"))
    return f"duration{bounds}", ["unique", "index"], "" if "2m" in bounds else "default=90s"


def _decimal(random: Random) -> RandomType:
    places = random.randint(0, 4)
    if random.random() < 0.3:
        return f"decimal={places + 15},{places}", ["index", "unique"], "default=0"
    return f"decimal={places + 4},{places}", ["index"], "default=7"


def _list(random: Random) -> RandomType:
    bounds = random.choice(("", ":min=1", ":min=2:max=4"))
    return f"list={random.choice(('str', 'int'))}{bounds}", [], "" if bounds else "default="


_TYPES: dict[str, Callable[[Random], RandomType]] = {
    "str": _str,
    "text": _fixed("text", "max=500:unique max=200:index search", "default="),
    "slug": _slug,
    "email": _fixed("email", "unique index"),
    "phone": _fixed("phone", "unique index search"),
    "url": _fixed("url", ""),
    "int": _int,
    "bigint": _fixed("bigint", "unique index", "default=-9000000000"),
    "float": _fixed("float", "index", "default=0.5"),
    "decimal": _decimal,
    "bool": _fixed("bool", "index", "default=true"),
    "date": _fixed("date", "unique index", "default=2026-02-28"),
    "datetime": _fixed("datetime", "unique index"),
    "time": _fixed("time", "index"),
    "duration": _duration,
    "uuid": _fixed("uuid", "unique index"),
    "enum": _enum,
    "list": _list,
    "json": _fixed("json", "", "default="),
}
