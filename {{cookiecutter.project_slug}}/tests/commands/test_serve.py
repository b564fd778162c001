"""`app serve`: what a server process does beside building the app."""

import gc

import pytest

from app.commands.serve import build_app


@pytest.mark.any_database
def test_what_the_first_requests_build_is_spared_from_collection(
    monkeypatch: pytest.MonkeyPatch, empty_database_url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    monkeypatch.setenv("SECRET_KEY", "x" * 64)
    app = build_app()
    frozen = gc.get_freeze_count()
    app.state.built_later = [[number] for number in range(1000)]

    gc.collect()
    warm = gc.get_freeze_count()
    app.state.built_after_that = [[number] for number in range(1000)]
    gc.collect()

    assert warm >= frozen + 1000
    assert gc.get_freeze_count() <= warm, "only once: what comes and goes later has to be looked at"
