"""Which changes of an API are breaking."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("scaffold", reason="an image has no tools")

from scaffold.api_changes import breaking_changes

Document = dict[str, Any]

BOOK: Document = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 80},
        "state": {"type": "string", "enum": ["draft", "live"]},
        "pages": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "words": {"type": "array", "items": {"type": "string"}},
        "above": {"$ref": "#/components/schemas/Book"},
    },
    "required": ["title", "state"],
}
BOOK_UPDATE = {
    "type": "object",
    "properties": {**copy.deepcopy(BOOK["properties"]), "above": {"$ref": "#/components/schemas/BookUpdate"}},
    "required": ["title"],
}
OPERATION = {
    "operationId": "update_book",
    "parameters": [
        {"name": "limit", "in": "query", "required": False, "schema": {"type": "integer", "maximum": 100}},
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/BookUpdate"}}},
    },
    "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Book"}}}}},
    "security": [],
}
DOCUMENT: Document = {
    "paths": {"/books/{book_id}": {"patch": OPERATION}},
    "components": {"schemas": {"Book": BOOK, "BookUpdate": BOOK_UPDATE}},
}


def changed(change: Callable[[Document, Document, Document], object]) -> list[str]:
    """Change the operation, the schema of its response or that of its request; return what is breaking."""
    new = copy.deepcopy(DOCUMENT)
    schemas = new["components"]["schemas"]
    change(new["paths"]["/books/{book_id}"]["patch"], schemas["Book"], schemas["BookUpdate"])
    return [line.removeprefix("PATCH /books/{book_id}: ") for line in breaking_changes(DOCUMENT, new)]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param(
            lambda o, _, __: o.update(operationId="edit_book"), "operationId update_book is now edit_book", id="id"
        ),
        pytest.param(
            lambda o, _, __: o.update(security=[{"HTTPBearer": []}]), "now requires authentication", id="private"
        ),
        pytest.param(lambda o, _, __: o["parameters"].clear(), "query parameter limit was removed", id="parameter"),
        pytest.param(
            lambda o, _, __: o["parameters"][0].update(required=True),
            "query parameter limit is now required",
            id="required-parameter",
        ),
        pytest.param(
            lambda o, _, __: o["parameters"][0]["schema"].update(maximum=50),
            "query parameter limit has another maximum: 50",
            id="smaller-maximum",
        ),
        pytest.param(lambda o, _, __: o["responses"].clear(), "status 200 is no longer returned", id="status"),
        pytest.param(lambda _, r, __: r["properties"].pop("words"), "response.words was removed", id="property"),
        pytest.param(lambda _, r, __: r["required"].remove("state"), "response.state may be missing", id="optional"),
        pytest.param(
            lambda _, r, __: r["properties"].update(title={"type": "integer"}),
            "response.title can be integer",
            id="type",
        ),
        pytest.param(
            lambda _, r, __: r["properties"].update(title={"anyOf": [{"type": "string"}, {"type": "null"}]}),
            "response.title can be null",
            id="nullable",
        ),
        pytest.param(lambda _, __, q: q["required"].append("pages"), "body.pages is now required", id="required"),
        pytest.param(lambda _, __, q: q["properties"].pop("pages"), "body.pages is no longer accepted", id="unknown"),
        pytest.param(
            lambda _, __, q: q["properties"].update(pages={"type": "integer"}),
            "body.pages can no longer be null",
            id="null",
        ),
        pytest.param(
            lambda _, __, q: q["properties"]["state"].update(enum=["live"]),
            "body.state accepts fewer values",
            id="enum",
        ),
        pytest.param(
            lambda _, __, q: q["properties"]["title"].update(minLength=1),
            "body.title has another minLength: 1",
            id="bound",
        ),
        pytest.param(
            lambda _, __, q: q["properties"]["words"]["items"].update(pattern="^a"),
            "body.words has another pattern: ^a",
            id="items",
        ),
    ],
)
def test_change_is_breaking(change: Callable[..., object], found: str) -> None:
    assert changed(change) == [found]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda o, _, __: o["parameters"].append({**o["parameters"][0], "name": "q"}), id="new-parameter"),
        pytest.param(lambda o, _, __: o.update(summary="Another text"), id="text"),
        pytest.param(lambda _, r, __: r["properties"].update(isbn={"type": "string"}), id="new-property-of-responses"),
        pytest.param(lambda _, r, __: r["required"].append("words"), id="property-is-always-returned"),
        pytest.param(lambda _, r, __: r["properties"].update(pages={"type": "integer"}), id="never-null"),
        pytest.param(lambda _, __, q: q["properties"].update(isbn={"type": "string"}), id="new-optional-property"),
        pytest.param(lambda _, __, q: q["required"].clear(), id="no-longer-required"),
        pytest.param(lambda _, __, q: q["properties"]["title"].update(maxLength=90), id="larger-bound"),
        pytest.param(lambda _, __, q: q["properties"]["state"]["enum"].append("old"), id="new-enum-value"),
        pytest.param(lambda _, __, q: q["properties"].update(pages={"type": ["number", "null"]}), id="wider-type"),
    ],
)
def test_change_is_not_breaking(change: Callable[..., object]) -> None:
    assert changed(change) == []


def test_removed_operation_is_breaking() -> None:
    assert breaking_changes(DOCUMENT, {**DOCUMENT, "paths": {}}) == ["PATCH /books/{book_id}: removed"]
