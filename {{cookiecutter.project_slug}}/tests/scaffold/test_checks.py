"""`app check` compares the API with a committed `openapi.json`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scaffold import checks
from scaffold.project import Project

pytestmark = pytest.mark.any_database

Json = dict[str, Any]


@pytest.fixture
def baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the committed document is; the other checks, which take long, find nothing."""
    committed = tmp_path / "openapi.json"
    monkeypatch.setattr(checks, "_baseline", lambda: committed)
    monkeypatch.setattr(checks, "PROGRAMS", {})
    monkeypatch.setattr(checks, "LINT_IMPORTS", "")
    for name in ("_migrations", "_features"):
        monkeypatch.setattr(checks, name, str)
    return committed


@pytest.fixture
def document(baseline: Path) -> Json:
    """Commit the document of the API as it is."""
    run = [sys.executable, "-m", "app", "openapi", str(baseline)]  # this process has features of the tests, too
    subprocess.run(run, cwd=Project().root, check=True)  # noqa: S603 - fixed arguments
    document: Json = json.loads(baseline.read_text(encoding="utf-8"))
    return document


def test_without_a_committed_document_nothing_is_compared(baseline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not baseline.exists()

    assert checks.run_checks() == []
    assert "api" not in capsys.readouterr().out.split()


def test_breaking_change_fails_the_check(baseline: Path, document: Json, capsys: pytest.CaptureFixture[str]) -> None:
    assert checks.run_checks() == []
    assert "ok      api" in capsys.readouterr().out
    operation = document["paths"]["/api/v1/auth/login"]["post"]
    document["paths"]["/api/v1/removed"] = {"post": operation}
    baseline.write_text(json.dumps(document), encoding="utf-8")

    assert checks.run_checks() == ["api"]

    printed = capsys.readouterr().out
    assert "failed  api\n  POST /api/v1/removed: removed\n" in printed
    assert " openapi openapi.json`." in printed


def test_addition_passes_the_check(baseline: Path, document: Json) -> None:
    del document["paths"]["/api/v1/auth/login"]
    baseline.write_text(json.dumps(document), encoding="utf-8")

    assert checks.run_checks() == []
