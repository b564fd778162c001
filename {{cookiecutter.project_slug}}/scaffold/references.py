"""Resolve references to other resources."""

import re
from collections.abc import Callable
from dataclasses import replace

from scaffold.access import PRESETS, Access
from scaffold.field import Field
from scaffold.field_spec import FieldSpec, Target
from scaffold.names import Names, camel

FindTarget = Callable[[str], Target | None]

_DISPLAY_NAME = FieldSpec(Names("User", "users"), "display_name", "str", ("120",), default_text="")
USER = Target("User", "users", PRESETS["public"], _DISPLAY_NAME, admin=True)
"""Users. To whom they are visible is decided by `users_for` in app/accounts/users.py, also for anonymous visitors."""


def resolve_target(field: Field, find: FindTarget, access: Access) -> tuple[Field, list[str]]:
    """Find the resource that a reference names."""
    name = field.args[0] if field.args else camel(field.name)
    if len(field.args) > 1 or not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        return field, [f"specify one resource, for example {field.field_type.arguments}"]
    own = field.owner
    own_target = Target(own.name, own.plural, access)
    target = {USER.name: USER, own.name: own_target}.get(name) or find(name)
    if target is None:
        return field, [unknown_target(name)]
    field = replace(field, target=target, on_delete=field.on_delete or _default_on_delete(field, target))
    return field, _reference_errors(field, target, access)


def _default_on_delete(field: Field, target: Target) -> str:
    """Return what happens by default: referenced rows are kept, but users can always delete their accounts."""
    if field.type == "many" or not target.is_user:
        return "restrict"
    return "null" if field.optional else "cascade"


def unknown_target(name: str) -> str:
    """Return the error for a reference to a resource that doesn't exist."""
    return f"resource {name} doesn't exist. Create it first: `app new resource {name} …`"


def one_must_be_optional(name: str, other: str) -> str:
    """Return the error for a circle of required references, without the fix."""
    return f"{name} refers to {other}, too, directly or indirectly, and one reference of a circle must be optional"


def _reference_errors(field: Field, target: Target, access: Access) -> list[str]:
    errors: list[str] = []
    if field.is_self and field.type == "ref" and not field.optional:
        errors.append("a self-reference must be optional")
    if field.is_circular and field.type == "ref" and not field.optional:
        errors.append(f"{one_must_be_optional(target.name, field.owner.name)}: add optional")
    if target.access.admin_only and access.write != "admins":
        errors.append(
            f"{target.plural_words} are visible only to admins: use --access admin, or --read members --write admins"
        )
    if field.type == "ref" and field.on_delete == "restrict" and (reason := _reason_for_deletion(target, access)):
        errors.append(f"{reason}: use on_delete=cascade, or optional and on_delete=null")
    return errors


def _reason_for_deletion(target: Target, access: Access) -> str:
    """Return why rows can be deleted while rows of others refer to them; empty if they can't."""
    if target.is_user:
        return "users can delete their accounts"
    if target.access.has_other_owners_than(access):
        return f"{target.plural_words} are deleted with their owner"
    return f"{target.plural_words} are deleted with the users they refer to" if target.deleted_with_users else ""
