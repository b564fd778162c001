"""Findings about settings, the machine, the mail server and the website."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from app.database.base import utc_now
from app.operations.doctor import checks, machine
from app.operations.doctor.findings import Finding, Installation
from tests.commands.conftest import Outcome
from tests.mail.helpers import LOGIN, PASSWORD, MailServer
from tests.operations.doctor.conftest import Diagnosis
from tests.postgres import free_port

pytestmark = pytest.mark.any_database

Diagnose = Callable[..., Diagnosis]


class _Website(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def website(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run a web server that answers every request with 200, and return its port."""
    with ThreadingHTTPServer(("127.0.0.1", free_port()), _Website) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_findings_are_printed_with_the_fix_below(app: Callable[..., Outcome], diagnose: Diagnose) -> None:
    found = diagnose(DATABASE_POOLSIZE="20")

    printed = app("doctor")

    assert "warning  settings     DATABASE_POOLSIZE in the environment is not a setting." in printed.out
    assert "→ Did you mean DATABASE_POOL_SIZE?" in printed.out
    assert printed.out.splitlines()[-1].startswith("error: 0, warning: ")
    assert printed.code == found.code == 0


def test_invalid_settings_are_an_error(diagnose: Diagnose) -> None:
    found = diagnose(LOG_LEVEL="loud", MAIL_URL="smtp://ada:s3cret@")

    assert found.code == 1
    ((status, message),) = found.of("settings")
    assert status == "error"
    assert "LOG_LEVEL: must be 'debug'" in message
    assert "s3cret" not in found.printed


def test_env_file_with_unknown_names_or_for_everyone_is_a_warning(diagnose: Diagnose) -> None:
    path = Path(".env")
    path.write_text("LOG_LEVEL=info\nANALYTICS_ID=7\n")
    path.chmod(0o644)

    found = diagnose(SECRET_KEY="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")

    assert found.of("settings") == [("warning", "ANALYTICS_ID in .env is not a setting.")]
    assert [message for _, message in found.of("secrets")] == [
        "SECRET_KEY doesn't look random.",
        "All users of this machine can read .env.",
    ]


def test_folder_that_is_full_or_not_writable_is_an_error(
    diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "TOO_FEW_BYTES", 10**18)
    monkeypatch.setattr(machine, "FEW_BYTES", 10**18)
    full = diagnose(FILES_URL=f"file:{tmp_path}/uploads")
    monkeypatch.setattr("os.access", lambda *_: False)
    read_only = diagnose(FILES_URL=f"file:{tmp_path}/uploads")

    assert {status for status, _ in full.of("folders")} == {"error"}
    assert "GB are free." in full.of("folders")[-1][1]
    assert read_only.of("folders")[-1] == ("error", f"{tmp_path}/uploads (FILES_URL) is not writable.")


def test_port_of_another_program_is_an_error(diagnose: Diagnose) -> None:
    with website() as port:
        found = diagnose(SERVER_PORT=str(port))

    assert found.code == 1
    assert found.of("port")[0][0] == "error"


def test_mail_server_is_signed_in_to_without_sending(diagnose: Diagnose, mail_server: MailServer) -> None:
    right = diagnose(MAIL_URL=mail_server.url())
    wrong = diagnose(MAIL_URL=mail_server.url(LOGIN.replace("100", "99")))
    gone = diagnose(MAIL_URL=f"smtp://{LOGIN}@localhost:{free_port()}")

    assert right.of("smtp") == [("ok", "localhost accepts the connection.")]
    assert [found.of("smtp")[0][0] for found in (wrong, gone)] == ["error", "error"]
    assert [text for text in (PASSWORD, LOGIN.partition(":")[2]) if text in wrong.printed + gone.printed] == []
    assert mail_server.inbox.received == 0


def test_certificate_that_expires_soon_and_missing_hsts_are_warnings(
    diagnose: Diagnose, server_tls: ssl.SSLContext
) -> None:
    with website(server_tls) as port:
        found = diagnose(BASE_URL=f"https://localhost:{port}")

    statuses = [status for status, _ in found.of("website")]
    assert statuses == ["ok", "warning", "warning"]
    assert "The certificate expires on" in found.of("website")[1][1]
    assert "Strict-Transport-Security" in found.of("website")[2][1]


def test_untrusted_certificate_is_an_error(
    diagnose: Diagnose, server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    with website(server_tls) as port:
        found = diagnose(BASE_URL=f"https://localhost:{port}")

    ((status, message),) = found.of("website")
    assert status == "error"
    assert "self-signed certificate" in message


@pytest.mark.skipif(not find_spec("app.files"), reason="files were removed")
def test_file_store_that_fails_is_an_error(diagnose: Diagnose, tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("a file where a folder should be")

    assert diagnose(FILES_URL=f"file:{tmp_path}/uploads").of("files")[0][0] == "error"


@pytest.mark.skipif(not find_spec("app.operations.backup"), reason="backups were removed")
def test_missing_or_old_backup_is_a_warning(diagnose: Diagnose, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    url = f"file:{folder}"

    missing = diagnose(BACKUP_URL=url)
    (folder / "backup-20200101T023000Z.tar.gz").touch()
    old = diagnose(BACKUP_URL=url)
    (folder / f"backup-{utc_now():%Y%m%dT%H%M%SZ}.tar.gz.age").touch()
    new = diagnose(BACKUP_URL=url)

    assert missing.of("backups") == [("warning", "BACKUP_URL has none.")]
    assert old.of("backups") == [("warning", "The last one was taken at 2020-01-01 02:30 UTC.")]
    assert [status for status, _ in new.of("backups")] == ["ok"]


def test_check_that_fails_or_hangs_does_not_stop_the_others(
    diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: Installation) -> list[Finding]:
        raise LookupError("with a secret")

    monkeypatch.setitem(checks.CHECKS, "port", ("Port", fail))

    found = diagnose()

    assert found.of("port") == [("error", "The check failed: LookupError.")]
    assert found.of("schema")[0][0] == "ok"
    assert "with a secret" not in found.printed
