"""Fixtures for tests of `app doctor`."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pytest

from tests.commands.conftest import Outcome, app, configured
from tests.mail.conftest import certificate, mail_server, server_tls
from tests.postgres import free_port

__all__ = ["app", "certificate", "configured", "mail_server", "server_tls"]


class Diagnosis(NamedTuple):
    """Exit code and findings of `app doctor`."""

    code: int
    findings: Sequence[Mapping[str, str]]
    printed: str

    def of(self, check: str) -> list[tuple[str, str]]:
        """Return the status and the message of what a check found."""
        return [(found["status"], found["message"]) for found in self.findings if found["check"] == check]

    def fixes(self, check: str) -> list[str]:
        """Return how to fix what a check found."""
        return [found["fix"] for found in self.findings if found["check"] == check]


@pytest.fixture
def diagnose(
    app: Callable[..., Outcome],
    configured: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Diagnosis]:
    """Run `app doctor --json` with settings as environment variables: `diagnose(LOG_LEVEL="debug")`."""

    def run(**changes: str) -> Diagnosis:
        for name, value in {"SERVER_PORT": str(free_port()), **changes}.items():
            monkeypatch.setenv(name, value)
        done = app("doctor", "--json")
        report = json.loads(done.out)
        statuses = {found["status"] for found in report["findings"]}
        assert report["status"] == next(name for name in ("error", "warning", "ok") if name in statuses)
        assert all(found["fix"] for found in report["findings"] if found["status"] != "ok")
        return Diagnosis(done.code, report["findings"], done.out)

    return run
