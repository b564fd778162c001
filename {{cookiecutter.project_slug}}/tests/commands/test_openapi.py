"""`app openapi`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.conftest import Outcome

Run = Callable[..., Outcome]

pytestmark = pytest.mark.any_database


def test_document_is_written_the_same_with_any_settings(app: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = app("openapi").out
    monkeypatch.setenv("BASE_URL", "https://example.com/below")
    monkeypatch.setenv("PROJECT_NAME", "Another name")
    monkeypatch.setenv("API_PAGE_SIZE", "7")

    written = app("openapi", "openapi.json")

    assert (written.code, written.out) == (0, "Wrote openapi.json.\n")
    assert Path("openapi.json").read_text(encoding="utf-8") == first
    assert "/api/v1/auth/login" in json.loads(first)["paths"]
    assert first.endswith("}\n")


def test_check_lists_what_differs(app: Run) -> None:
    app("openapi", "openapi.json")
    fresh = app("openapi", "--check", "openapi.json")
    document = json.loads(Path("openapi.json").read_text(encoding="utf-8"))
    del document["paths"]["/api/v1/auth/login"]
    document["paths"]["/api/v1/old"] = {}
    document["info"]["version"] = "0"
    Path("openapi.json").write_text(json.dumps(document), encoding="utf-8")

    stale = app("openapi", "--check", "openapi.json")

    assert (fresh.code, fresh.out) == (0, "openapi.json is up to date.\n")
    assert stale.code == 1
    assert stale.error.splitlines() == [
        "app: openapi.json is out of date:",
        "  changed: info version",
        "  removed: paths /api/v1/old",
        "  added: paths /api/v1/auth/login",
        "Run `app openapi openapi.json`.",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(None, "app: openapi.json: No such file or directory.", id="missing"),
        pytest.param("Not JSON", "it is not JSON", id="not-json"),
    ],
)
def test_check_explains_an_unusable_file(app: Run, text: str | None, message: str) -> None:
    if text is not None:
        Path("openapi.json").write_text(text, encoding="utf-8")

    found = app("openapi", "--check", "openapi.json")

    assert found.code == 1
    assert message in found.error


def test_check_needs_a_file(app: Run) -> None:
    assert "app openapi --check openapi.json" in app("openapi", "--check").error
