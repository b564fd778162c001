"""Resolve references to other resources."""

import re
from collections.abc import Callable
from dataclasses import replace

from scaffold.access import Access
from scaffold.field import Field
from scaffold.field_spec import Target
from scaffold.names import camel

FindTarget = Callable[[str], Target | None]


def resolve_target(field: Field, find: FindTarget, access: Access) -> tuple[Field, list[str]]:
    """Find the resource that a reference names."""
    name = field.args[0] if field.args else camel(field.name)
    if len(field.args) > 1 or not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        return field, [f"specify one resource, for example {field.field_type.arguments}"]
    if name == "User":
        return field, [
            "User is not a resource. Use --access owned to give rows an owner; write other references to users by hand"
        ]
    own = field.owner
    target = Target(own.name, own.plural, access) if name == own.name else find(name)
    if target is None:
        return field, [f"resource {name} doesn't exist. Create it first: `app new resource {name} …`"]
    field = replace(field, target=target)
    return field, _reference_errors(field, target, access)


def _reference_errors(field: Field, target: Target, access: Access) -> list[str]:
    errors: list[str] = []
    if field.is_self and field.type == "ref" and not field.optional:
        errors.append("a self-reference must be optional")
    if field.owner.plural in target.refers_to:
        errors.append(
            f"{target.name} already references {field.owner.name}, directly or indirectly, so this would be a"
            " circular import: write this relation by hand, or keep the reference on one side only"
        )
    if target.access.admin_only and access.write != "admins":
        errors.append(
            f"{target.plural_words} are visible only to admins: use --access admin, or --read members --write admins"
        )
    of_others = target.access.owned and not (target.access.private and access.owned)
    if of_others and field.type == "ref" and field.on_delete == "restrict":
        errors.append(
            f"{target.plural_words} are deleted with their owner: add on_delete=cascade, or optional and on_delete=null"
        )
    return errors
