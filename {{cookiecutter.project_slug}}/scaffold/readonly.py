"""Fields that the server sets: `price:decimal=10,2:default=0:readonly`."""

from collections.abc import Sequence

from scaffold.field import Field


def readonly_conflicts(field: Field) -> list[str]:
    """Return the errors in the combination of `readonly` with other modifiers."""
    given = {"unique": field.unique, "title": field.title, f"from={field.source}": bool(field.source)}
    errors = [f"readonly and {name} can't be combined: remove one" for name, used in given.items() if used]
    if field.default_text is None and not field.optional:
        errors.append("a new row needs a value until your code sets one: add optional or default=…")
    return errors


def input_errors(fields: Sequence[Field]) -> list[str]:
    """Return the error of a resource whose request bodies would be empty."""
    if fields and all(field.readonly for field in fields):
        return ["all fields are readonly: add one that requests contain, for example title:str=200"]
    return []
