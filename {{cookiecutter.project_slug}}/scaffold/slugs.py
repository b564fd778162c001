"""Slugs that are made from another field, and slugs in URLs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from scaffold.access import Access
from scaffold.errors import nearest
from scaffold.field import Field

MIN_SOURCE_LENGTH = 10


def modifier_conflicts(field: Field) -> list[str]:
    """Return the errors in the combination of `from` with other modifiers."""
    given = {"unique": field.unique, "index": field.index, "optional": field.optional}
    given["default=…"] = field.default_text is not None
    return [
        f"from={field.source} makes a unique slug for each row: remove {name}" for name, used in given.items() if used
    ]


def source_errors(fields: Sequence[Field], specs: Iterable[str]) -> list[str]:
    """Return the errors in the fields that slugs are made from. A field with errors of its own is not reported."""
    given = {spec.partition(":")[0] for spec in specs}
    texts = {field.name: field for field in fields if field.type in {"str", "text"}}
    names = {field.name for field in fields}
    errors: list[str] = []
    for slug in fields:
        source = texts.get(slug.source)
        if not slug.source or (slug.source in given and slug.source not in names):
            continue
        if source is None:
            options = nearest(slug.source, texts) if texts else "add one, for example title:str=200"
            errors.append(f"{slug.name}: from={slug.source} must be a field of type str or text: {options}")
        elif source.readonly:
            errors.append(f"{slug.name}: from={slug.source}: a readonly field has no value yet when the slug is made")
        elif source.length < MIN_SOURCE_LENGTH:
            errors.append(f"{slug.name}: {source.name} is too short to make slugs from: use str={MIN_SOURCE_LENGTH}")
    return errors


def put_in_urls(
    by: str, fields: Sequence[Field], specs: Iterable[str], access: Access
) -> tuple[list[Field], list[str]]:
    """Mark the field that `--by` names. Returns the fields and the errors."""
    if not by:
        return [*fields], []
    field = next((field for field in fields if field.name == by), None)
    marked = [replace(item, in_url=True) if item is field else item for item in fields]
    if field is None and by in {spec.partition(":")[0] for spec in specs}:
        return marked, []  # it has errors of its own
    if field is None or field.type != "slug":
        slugs = [item.name for item in fields if item.type == "slug"]
        hint = nearest(by, slugs) if slugs else f"add one, for example {by}:slug:unique"
        return marked, [f"--by {by} must name a field of type slug: {hint}"]
    wrong = [] if field.unique else ["add unique"]
    wrong += ["add globally"] if access.others_read and not field.globally else []
    wrong += ["remove optional"] if field.optional else []
    return marked, [f"--by {by} must identify one row: {' and '.join(wrong)}"] if wrong else []
