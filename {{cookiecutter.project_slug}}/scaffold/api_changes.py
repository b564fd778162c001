"""Breaking changes between two OpenAPI documents, for `app check`: what makes existing clients fail.

Requests may become wider and responses narrower: more may be accepted, and nothing that was returned may be missing.
"""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_BOUNDS = {"maximum": 1, "exclusiveMaximum": 1, "maxLength": 1, "maxItems": 1}
_BOUNDS |= {"minimum": -1, "exclusiveMinimum": -1, "minLength": -1, "minItems": -1}


def breaking_changes(old: Json, new: Json) -> list[str]:
    """Return what changed between two documents so that clients of the old API can fail."""
    found: list[str] = []
    for path, operations in old["paths"].items():
        for method, before in operations.items():
            after = new["paths"].get(path, {}).get(method)
            changes = ["removed"] if after is None else _Comparison(old, new).compare(before, after)
            found += [f"{method.upper()} {path}: {change}" for change in changes]
    return list(dict.fromkeys(found))


class _Comparison:
    """Compares an operation in two documents."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str, bool]] = set()  # schemas can refer to themselves

    def compare(self, old: Json, new: Json) -> Iterator[str]:
        """Yield the breaking changes of the operation."""
        if old["operationId"] != new["operationId"]:
            yield f"operationId {old['operationId']} is now {new['operationId']}"
        if _is_public(old) and not _is_public(new):
            yield "now requires authentication"
        yield from self._parameters(old, new)
        body, new_body = old.get("requestBody", {}), new.get("requestBody", {})
        if new_body.get("required") and not body.get("required"):
            yield "a body is now required"
        yield from self._contents("body", body, new_body, returned=False)
        for status, response in old["responses"].items():
            if status.startswith("2"):
                if status not in new["responses"]:
                    yield f"status {status} is no longer returned"
                yield from self._contents("response", response, new["responses"].get(status, response), returned=True)

    def _parameters(self, old: Json, new: Json) -> Iterator[str]:
        before, after = ({f"{p['in']} parameter {p['name']}": p for p in o.get("parameters", ())} for o in (old, new))
        yield from (f"{name} was removed" for name in before if name not in after)
        for name, parameter in after.items():
            if parameter.get("required") and not before.get(name, {}).get("required"):
                yield f"{name} is now required"
            if name in before:
                yield from self._schemas(name, before[name]["schema"], parameter["schema"], returned=False)

    def _contents(self, where: str, old: Json, new: Json, *, returned: bool) -> Iterator[str]:
        for media_type, content in old.get("content", {}).items():
            other = new.get("content", {}).get(media_type)
            if other is None:
                yield f"{where} is no longer {media_type}"
                continue
            schemas = content.get("schema", {}), other.get("schema", {})
            yield from self._schemas(where, *(reversed(schemas) if returned else schemas), returned=returned)

    def _schemas(self, where: str, sent: Json, read: Json, *, returned: bool) -> Iterator[str]:
        """Yield why what one side sends may be invalid for the other, which expects `read`."""
        key = (str(sent.get("$ref")), str(read.get("$ref")), returned)
        if "$ref" in sent and key in self._seen:
            return
        self._seen.add(key)
        senders, readers = (self._new, self._old) if returned else (self._old, self._new)
        options, expected = _options(senders, sent), _options(readers, read)
        for kind in [kind for kind in options if kind not in expected] if expected else ():
            if not (kind == "integer" and "number" in expected):
                yield f"{where} can be {kind}" if returned else f"{where} can no longer be {kind}"
        for kind in [kind for kind in options if kind in expected]:
            yield from self._values(where, options[kind], expected[kind], returned=returned)

    def _values(self, where: str, sent: Json, read: Json, *, returned: bool) -> Iterator[str]:
        """Compare schemas of the same type."""
        fields, known = sent.get("properties", {}), read.get("properties", {})
        required = read.get("required", [])
        for name in [name for name in required if name not in sent.get("required", ())]:
            yield f"{where}.{name} {'may be missing' if returned else 'is now required'}"
        for name in [name for name in known if name not in fields and name not in required] if returned else ():
            yield f"{where}.{name} was removed"
        for name in [name for name in fields if name not in known] if known and not returned else ():
            yield f"{where}.{name} is no longer accepted"
        for name in [name for name in fields if name in known]:
            yield from self._schemas(f"{where}.{name}", fields[name], known[name], returned=returned)
        yield from self._schemas(where, sent.get("items", {}), read.get("items", {}), returned=returned)
        if not returned:
            yield from _narrowed(where, sent, read)


def _is_public(operation: Json) -> bool:
    return not operation.get("security") or {} in operation["security"]


def _options(document: Json, schema: Json) -> dict[str, Json]:
    """Return the alternatives of a schema by their types; objects in a union also by the names of their schemas."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if name:
        return _options(document, document["components"]["schemas"][name])
    if union := schema.get("anyOf") or schema.get("oneOf"):
        named = [(option.get("$ref", "").rpartition("/")[2], option) for option in union]
        return {f"{kind} {name}".strip(): o for name, part in named for kind, o in _options(document, part).items()}
    kinds = schema.get("type", [])
    return dict.fromkeys([kinds] if isinstance(kinds, str) else kinds, schema)


def _narrowed(where: str, old: Json, new: Json) -> Iterator[str]:
    """Yield why a value of a request may no longer be valid."""
    if "enum" in new and not {*old.get("enum", [None])} <= {*new["enum"]}:
        yield f"{where} accepts fewer values"
    for name, sign in _BOUNDS.items():
        if name in new and (name not in old or sign * new[name] < sign * old[name]):
            yield f"{where} has another {name}: {new[name]}"
    for name in ("pattern", "format"):
        if name in new and new[name] != old.get(name):
            yield f"{where} has another {name}: {new[name]}"
