"""`app cleanup`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app import features
from tests.commands.conftest import Outcome
from tests.support import execute

Run = Callable[..., Outcome]

pytestmark = [pytest.mark.usefixtures("configured"), pytest.mark.any_database]


def test_cleanup_prints_deleted_rows_and_is_idempotent(app: Run, database_url: str) -> None:
    execute(
        database_url,
        "INSERT INTO attempt_counts (key, count, expires_at) VALUES ('spent', 1, '2020-01-01 00:00:00')",
    )

    first, second = app("cleanup"), app("cleanup")

    assert (first.code, second.code) == (0, 0)
    assert "1  rate limit counters" in first.out
    assert [line.split()[0] for line in second.out.splitlines()] == ["0"] * 8


TASK = """
from app.accounts.lifecycle.cleanup import CleanupTask

async def clean_up(database):
    {body}

task = CleanupTask("old drafts", clean_up)
"""


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        pytest.param("return 3", 0, "       3  old drafts", id="deletes"),
        pytest.param("raise LookupError", 1, "  failed  old drafts", id="fails"),
    ],
)
def test_cleanup_runs_the_tasks_of_features(  # noqa: PLR0913, PLR0917
    app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, code: int, line: str
) -> None:
    name = f"drafts_that_exit_with_{code}"  # not imported before
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    (tmp_path / name / "cleanup.py").write_text(TASK.format(body=body))
    monkeypatch.setattr(features, "__path__", [str(tmp_path), *features.__path__])

    done = app("cleanup")

    assert (done.code, done.out.splitlines()[-1]) == (code, line)
    assert "       0  events" in done.out
    assert ("part of the cleanup failed" in done.error) is bool(code)
