"""Field types. To add one, write a class in this package and add it to `FIELD_TYPES`."""

from scaffold.field_types.base import Domain, FieldType, Samples
from scaffold.field_types.duration import Duration
from scaffold.field_types.files import File, Image
from scaffold.field_types.moments import Date, DateTime, Time
from scaffold.field_types.numeric import BigInt, DecimalType, Float, Int
from scaffold.field_types.other import Bool, Enum, Json, List, Many, Ref, Uuid
from scaffold.field_types.text import Email, Phone, Slug, Str, Text, Url

FIELD_TYPES: dict[str, FieldType] = {
    "str": Str(),
    "text": Text(),
    "slug": Slug(),
    "email": Email(),
    "phone": Phone(),
    "url": Url(),
    "int": Int(),
    "bigint": BigInt(),
    "float": Float(),
    "decimal": DecimalType(),
    "bool": Bool(),
    "date": Date(),
    "datetime": DateTime(),
    "time": Time(),
    "duration": Duration(),
    "uuid": Uuid(),
    "enum": Enum(),
    "list": List(),
    "json": Json(),
    "ref": Ref(),
    "many": Many(),
    "file": File(),
    "image": Image(),
}

__all__ = ["FIELD_TYPES", "Domain", "FieldType", "Samples"]
