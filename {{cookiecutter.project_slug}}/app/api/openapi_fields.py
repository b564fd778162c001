"""Descriptions, examples and formats of fields and parameters in the OpenAPI document, where the code gives none.

A docstring below a field becomes its description, and `Field(examples=[…])` its example. The rest is derived here from
the field's name and type, so that schemas stay short.
"""

import re
from typing import Any

_EXAMPLES = {
    "binary": "file",
    "date": "2026-03-14",
    "date-time": "2026-03-14T09:30:00Z",
    "duration": "PT1H30M",
    "email": "ada@example.com",
    "password": "correct horse battery staple",
    "time-local": "09:30:00",
    "uri": "https://example.com",
    "uuid": "019cec2a-1c40-7c3d-9f1e-5b7a3c2d1e0f",
}
_TEXTS = ("1.00", "example", "a", "1")  # tried in this order for a pattern
_IS_EXAMPLE = ("examples", "example", "enum", "const")
_INT32 = 2**31
_MAX_EXACT = 2**53  # of a float
_BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}


def complete_parameter(parameter: dict[str, Any]) -> None:
    """Describe a parameter. It is optional if it has a default, but never null: URLs and headers have no null."""
    schema = parameter["schema"]
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        del schema["anyOf"]
        schema |= options[0]
    elif options:
        schema["anyOf"] = options
    complete_field(parameter["name"], schema)
    parameter.setdefault("description", schema.pop("description", None) or _describe(parameter["name"]))
    schema.pop("description", None)


def complete_schema(schema: dict[str, Any], create: dict[str, Any]) -> None:
    """Describe the fields of a schema; those of a response have the examples of the request that creates the record."""
    for name, field in schema.get("properties", {}).items():
        known = create.get("properties", {}).get(name, {})
        if "examples" in known:
            field.setdefault("examples", known["examples"])
        complete_field(name, field)


def complete_field(name: str, schema: dict[str, Any]) -> None:
    """Add a description and an example, remove the title, which is only the name, and add formats of integers."""
    words = _split_words(name)
    if schema.get("title", "").lower() == words:
        del schema["title"]
    if schema.get("default", "") is None:
        del schema["default"]  # it stands for a missing value
    _complete_formats(schema)
    if "$ref" in schema:
        return  # described where it is defined
    schema.setdefault("description", _describe(name))
    if not any(key in schema for key in _IS_EXAMPLE) and schema.get("default", "") == "":
        schema |= {"examples": found} if (found := _examples_of(words, schema)) else {}


def _describe(name: str) -> str:
    words = _split_words(name)
    about = re.sub(r"^(.*) id(s?)$", r"ID\2 of the \1\2", words) if words != "id" else "ID"
    return about[:1].upper() + about[1:]


def _split_words(name: str) -> str:
    """Return the words of a name in snake_case, camelCase or with hyphens."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_-]+", " ", name).lower().strip()


def _complete_formats(schema: dict[str, Any]) -> None:
    if schema.get("type") == "integer":
        is_small = schema.get("minimum", -_INT32 - 1) >= -_INT32 and schema.get("maximum", _INT32) < _INT32
        schema.setdefault("format", "int32" if is_small else "int64")
        for name in [name for name in schema if name in _BOUNDS]:
            bound = schema.pop(name)  # FastAPI writes 366 as 366.0, and rounds large ones
            if abs(bound) < _MAX_EXACT:
                schema[name] = int(bound)
    if schema.get("format") == "time":  # which has a time zone in JSON Schema, but not in this API
        schema["format"] = "time-local"
    for part in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        _complete_formats(part)


def _examples_of(words: str, schema: dict[str, Any]) -> list[Any]:
    """Return one example, or none if the schema is too particular to guess a valid one."""
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        examples = _examples_of(words, options[0])
        is_decimal = [option.get("type") for option in options[:2]] == ["number", "string"]
        return [str(number) for number in examples] if is_decimal else examples
    if found := schema.get("examples") or schema.get("enum"):
        return list(found[:1])
    kind = schema.get("type")
    if kind == "array":
        items = _examples_of(words, schema.get("items", {}))
        return [items] if items else []
    if kind == "string":
        guesses = (words[:1].upper() + words[1:])[: schema.get("maxLength")], *_TEXTS
        texts = [_EXAMPLES.get(schema["format"])] if "format" in schema else guesses
        return [text for text in texts if text is not None and _is_valid(text, schema)][:1]
    if kind in {"integer", "number"}:
        numbers = (1, schema.get("minimum", 1), schema.get("maximum", 1))
        return [number for number in numbers if _is_within(number, schema)][:1]
    return [True] if kind == "boolean" else [{}] if kind == "object" else []


def _is_within(number: float, schema: dict[str, Any]) -> bool:
    above: bool = number >= schema.get("minimum", number) and number > schema.get("exclusiveMinimum", number - 1)
    below: bool = number <= schema.get("maximum", number) and number < schema.get("exclusiveMaximum", number + 1)
    return above and below


def _is_valid(text: str, schema: dict[str, Any]) -> bool:
    is_long_enough = schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
    return is_long_enough and re.search(schema.get("pattern", ""), text) is not None
