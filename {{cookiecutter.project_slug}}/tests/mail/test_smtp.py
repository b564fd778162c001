"""Sending over SMTP: encrypted and authenticated, or not at all."""

import ssl
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from app.jobs.errors import describe_error
from app.mail.mailer import Mailer
from app.settings.config import Settings
from tests.mail.helpers import (
    LOGIN,
    PASSWORD,
    MailServer,
    body,
    check_login,
    enqueue,
    queued_emails,
    running_mail_server,
    send_due,
)

MakeSettings = Callable[..., Settings]

pytestmark = pytest.mark.any_database


def test_email_is_sent_with_starttls_and_login(
    client: TestClient, mailer: Mailer, mail_server: MailServer, make_settings: MakeSettings
) -> None:
    enqueue(client, mailer, "bob@example.com", text="Grüße!")

    send_due(client, make_settings(mail={"url": mail_server.url(), "sender": "Ada <ada@mail.test>"}))

    (envelope,), (mail,) = mail_server.inbox.envelopes, mail_server.mails
    assert mail_server.inbox.tls == [True]
    assert (envelope.mail_from, envelope.rcpt_tos) == ("ada@mail.test", ["bob@example.com"])
    assert (mail["From"], mail["To"]) == ("Ada <ada@mail.test>", "bob@example.com")
    assert "Grüße!" in body(mail, "plain")


def test_email_is_sent_with_implicit_tls(
    client: TestClient, mailer: Mailer, server_tls: ssl.SSLContext, make_settings: MakeSettings
) -> None:
    enqueue(client, mailer, "bob@example.com")

    with running_mail_server(ssl_context=server_tls) as server:
        send_due(client, make_settings(mail={"url": f"smtps://localhost:{server.port}"}))

        assert len(server.mails) == 1


def test_server_without_tls_gets_neither_password_nor_email(
    client: TestClient, mailer: Mailer, make_settings: MakeSettings
) -> None:
    enqueue(client, mailer, "bob@example.com")

    with running_mail_server(auth_require_tls=False, authenticator=check_login) as server:
        send_due(client, make_settings(mail={"url": server.url()}))

        (waiting,) = queued_emails(client)
        assert server.inbox.envelopes == []
        assert "STARTTLS" in (waiting.last_error or "")


def test_server_with_an_untrusted_certificate_gets_nothing(
    client: TestClient,
    mailer: Mailer,
    mail_server: MailServer,
    make_settings: MakeSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    enqueue(client, mailer, "bob@example.com")

    send_due(client, make_settings(mail={"url": mail_server.url()}))

    (waiting,) = queued_emails(client)
    assert mail_server.inbox.envelopes == []
    assert "certificate" in (waiting.last_error or "").lower()


def test_rejected_login_is_retried(
    client: TestClient, mailer: Mailer, mail_server: MailServer, make_settings: MakeSettings
) -> None:
    enqueue(client, mailer, "bob@example.com")

    send_due(client, make_settings(mail={"url": mail_server.url(LOGIN + "x")}))

    (waiting,) = queued_emails(client)
    assert (waiting.attempts, waiting.state) == (1, "pending")
    assert (waiting.last_error or "").startswith("SMTPAuthenticationError: (535")


def test_server_error_is_stored_without_personal_data(
    client: TestClient, mailer: Mailer, mail_server: MailServer, make_settings: MakeSettings
) -> None:
    mail_server.inbox.reply = "451 <bob@example.com> not now, http://testserver/verify/token"
    enqueue(client, mailer, "bob@example.com")

    send_due(client, make_settings(mail={"url": mail_server.url()}))

    (waiting,) = queued_emails(client)
    assert waiting.last_error == "SMTPDataError: (451, '<…> not now, …"
    assert describe_error(ValueError(f"no {PASSWORD}, please"), (PASSWORD,)) == "ValueError: no …, please"


def test_permanently_rejected_email_fails_immediately(
    client: TestClient, mailer: Mailer, mail_server: MailServer, make_settings: MakeSettings
) -> None:
    mail_server.inbox.rcpt_reply = "550 no such user"
    enqueue(client, mailer, "bob@example.com")

    send_due(client, make_settings(mail={"url": mail_server.url()}))

    (failed,) = queued_emails(client)
    assert (failed.attempts, failed.last_error) == (1, "PermanentFailure: 550 no such user")
    assert failed.state == "failed"
