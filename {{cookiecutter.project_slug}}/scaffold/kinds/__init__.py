"""The kinds of fields: to add one, write a class in here and a line in `KINDS`."""

from scaffold.kinds.base import Kind, Samples, quoted
from scaffold.kinds.numbers import BigInt, Exact, Float, Int
from scaffold.kinds.others import Bool, Date, DateTime, Enum, Json, List, Many, Ref, Time, Uuid
from scaffold.kinds.texts import Email, Slug, Str, Text, Url

KINDS: dict[str, Kind] = {
    "str": Str(),
    "text": Text(),
    "slug": Slug(),
    "email": Email(),
    "url": Url(),
    "int": Int(),
    "bigint": BigInt(),
    "float": Float(),
    "decimal": Exact(),
    "bool": Bool(),
    "date": Date(),
    "datetime": DateTime(),
    "time": Time(),
    "uuid": Uuid(),
    "enum": Enum(),
    "list": List(),
    "json": Json(),
    "ref": Ref(),
    "many": Many(),
}

__all__ = ["KINDS", "Kind", "Samples", "quoted"]
