"""Commands on a database of the test's own, with files in a directory."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.conftest import Outcome, app, configured  # noqa: F401 - fixtures

Run = Callable[..., Outcome]


@pytest.fixture
def database_url(own_database_url: str) -> str:
    return own_database_url


@pytest.fixture
def project(configured: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:  # noqa: ARG001, F811
    """Return the directory of uploads, backups and the key."""
    monkeypatch.setenv("FILES_URL", f"file:{tmp_path}/uploads")
    return tmp_path
