"""Random fields: a type with arguments, bounds and modifiers that it supports."""

import re
from collections.abc import Callable
from random import Random

RandomType = tuple[str, list[str], str]
"""A field type with its arguments and bounds, the flags that it supports, and a default."""

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


def random_field(random: Random, kind: str = "") -> str:
    """Return a type, or another variant of this one, with random modifiers that it supports."""
    name = kind or random.choice(list(_TYPES))
    text, flags, default = _TYPES[name](random)
    extra = random.choice(["", "", "", "optional", default, *flags])
    if extra and extra == default and not default.endswith("=") and random.random() < 0.4:
        extra += ":optional"
    if extra in flags and random.random() < 0.3 and "unique" not in extra:
        extra += ":optional"
    return f"{text}:{extra}" if extra else text


def random_user_fields(random: Random) -> list[str]:
    """Return fields for users, who exist already and have no list."""
    fields = []
    for name in ("motto", "shoe_size"):
        kind = random.choice([kind for kind in _TYPES if kind != "slug"])
        field = re.sub(r":(index|search)\b", "", f"{name}:{random_field(random, kind)}")
        field += "" if re.search(":(optional|default=)", field) else ":optional"
        on_sign_up = random.random() < 0.3 and ":unique" not in field
        fields.append(f"{field}:signup" if on_sign_up else field)
    return fields


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
