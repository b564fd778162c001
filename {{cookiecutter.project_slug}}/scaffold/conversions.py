"""Which types a field can be changed to without losing its values."""

from scaffold.field import Field
from scaffold.field_types.numeric import MAX_FLOAT_DIGITS

KEEPING = {
    "str": ("text",),
    "slug": ("str", "text"),
    "email": ("str", "text"),
    "phone": ("str", "text"),
    "url": ("str", "text"),
    "enum": ("str", "text"),
    "text": ("str",),
    "int": ("bigint", "float"),
    "bigint": ("int",),
}
"""The types that can store the values of each type, on both databases and back."""


def conversion_errors(old: Field, new: Field) -> list[str]:
    """Return the errors in a change of a field."""
    by_hand = f"add another field, copy the values in a migration by hand, then `app remove field … {old.name}`"
    if old.type != new.type and new.type not in KEEPING.get(old.type, ()):
        kept = ", ".join(KEEPING.get(old.type, ())) or "no other type"
        return [f"{old.name}: {old.type} can be changed to {kept}, not to {new.type}: {by_hand}"]
    if old.type in {"ref", "many"} and old.target.name != new.target.name:
        return [f"{old.name} refers to {old.target.name}; its values can't refer to {new.target.name}: {by_hand}"]
    if old.type in {"list", "decimal"} and _representation(old) != _representation(new):
        return [f"{old.name}: its values can't be converted: {by_hand}"]
    return []


def _representation(field: Field) -> tuple[object, ...]:
    """Return what the stored values of a list or a decimal depend on."""
    return (field.item,) if field.type == "list" else (field.decimal_places, field.digits > MAX_FLOAT_DIGITS)
