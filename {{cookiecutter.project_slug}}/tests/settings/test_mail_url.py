"""`MAIL_URL` and `MAIL_SENDER`: valid forms, and errors that don't leak the password."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings.config import load_settings
from app.settings.mail_url import SmtpServer, parse_mail_url, parse_sender

SECRET = "a secret key of forty-two random characters"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("file:mail", Path("mail")),
        ("file:/var/mails", Path("/var/mails")),
        ("file:///var/mails", Path("/var/mails")),
        ("smtp://mail.example.com", SmtpServer("mail.example.com", 587, None, None, implicit_tls=False)),
        ("smtp://ada:p%40ss%2Fw%C3%B6rd@[::1]:25/", SmtpServer("::1", 25, "ada", "p@ss/wörd", implicit_tls=False)),
        ("smtps://ada%40example.com:x@m.test", SmtpServer("m.test", 465, "ada@example.com", "x", implicit_tls=True)),
    ],
)
def test_mail_url_is_parsed_as_server_or_directory(url: str, target: SmtpServer | Path) -> None:
    assert parse_mail_url(url) == target


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://mail.example.com", id="scheme"),
        pytest.param("mail.example.com", id="no-scheme"),
        pytest.param("smtp://", id="no-host"),
        pytest.param("smtp://:587", id="only-a-port"),
        pytest.param("smtp://ada:hush/hush@example.com", id="slash-in-password"),
        pytest.param("smtp://ada:hush#hush@example.com", id="hash-in-password"),
        pytest.param("smtp://ada:hush@example.com:port", id="no-port"),
        pytest.param("smtp://ada:hush@[::1", id="no-address"),
        pytest.param("file:", id="no-folder"),
        pytest.param("file://mail", id="host-of-a-folder"),
    ],
)
def test_invalid_mail_url_is_rejected_without_leaking_the_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("MAIL_URL", url)

    with pytest.raises(ValidationError) as error:
        load_settings(secret_key=SECRET)

    (problem,) = error.value.errors()
    assert problem["loc"] == ("mail", "url")
    assert problem["msg"].startswith("Value error, use ")
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("no-reply@localhost", "", "no-reply@localhost"),
        ("Ada <ada@example.com>", "Ada", "ada@example.com"),
        ('"Büro, Ada" <ada+mail@example.com>', "Büro, Ada", "ada+mail@example.com"),
    ],
)
def test_sender_is_parsed_with_or_without_a_display_name(text: str, name: str, address: str) -> None:
    sender = parse_sender(text)

    assert (sender.display_name, sender.addr_spec) == (name, address)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("ada", id="no-domain"),
        pytest.param("ada@", id="empty-domain"),
        pytest.param("@example.com", id="no-name"),
        pytest.param("<>", id="empty"),
        pytest.param("a@b.test, c@d.test", id="two"),
        pytest.param("ädä@example.com", id="other-alphabet"),
        pytest.param("<a@b.test", id="not-closed"),
        pytest.param("a@b.test>", id="not-opened"),
        pytest.param("A <a@b.test> B", id="something-behind"),
        pytest.param("A <B <a@b.test>", id="opened-twice"),
        pytest.param("A\r\nBcc: c@d.test <a@b.test>", id="header-in-the-name"),
        pytest.param("a@b.test\r\nBcc: c@d.test", id="header-behind"),
    ],
)
def test_invalid_sender_is_rejected(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MAIL_SENDER", text)

    with pytest.raises(ValidationError, match=r"use ada@example\.com"):
        load_settings(secret_key=SECRET)
