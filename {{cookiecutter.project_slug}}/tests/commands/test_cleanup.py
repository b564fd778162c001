"""`app cleanup`."""

from collections.abc import Callable

import pytest

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
    assert [line.split()[0] for line in second.out.splitlines()] == ["0"] * 7
