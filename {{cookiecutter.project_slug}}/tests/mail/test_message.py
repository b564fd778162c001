"""Rendered emails: text, HTML and headers, safe from injection."""

import re
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from uuid import UUID

import pytest
from jinja2 import ChainableUndefined, Environment
from starlette.testclient import TestClient

from app import theme
from app.database.base import utc_now
from app.i18n import add_translations
from app.mail.mailer import Mailer
from app.mail.message import BUTTON, ascii_address, compose, parse_message
from app.settings.config import Settings, load_settings
from tests.mail.helpers import body, emails_in, enqueue, send_due

BASE = "https://app.example.com"
POSTSCRIPTS = {"previous_address"}  # without a subject; appended to other emails
TEMPLATES = [
    file for file in sorted(Path(theme.__file__).parent.rglob("templates/mails/*.txt")) if file.stem not in POSTSCRIPTS
]
ID = UUID("0193b3c4-0000-7000-8000-000000000000")


def compose_email(text: str, to: str = "ada@example.com", **settings: object) -> EmailMessage:
    """Compose an email as the delivery loop does."""
    return compose(load_settings(secret_key="x" * 32, base_url=BASE, **settings), ID, to, text).message


def test_email_has_the_required_headers() -> None:
    mail = compose_email("Subject: Grüße aus Köln\n\nHallo.", project_name="Büro", mail={"sender": "no-reply@b.test"})

    assert mail["Subject"] == "Grüße aus Köln"
    assert mail["From"] == "Büro <no-reply@b.test>"
    assert mail["To"] == "ada@example.com"
    assert mail["Message-ID"] == f"<{ID}@b.test>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert abs((utc_now() - parsedate_to_datetime(mail["Date"])).total_seconds()) < 10
    assert mail.as_bytes().isascii()


def test_sender_name_overrides_the_project_name() -> None:
    assert compose_email("Subject: A\n\nB", mail={"sender": "Ada <ada@b.test>"})["From"] == "Ada <ada@b.test>"


def test_text_and_html_have_the_same_content() -> None:
    link = f"{BASE}/verify/token?next=/notes&a=b"

    mail = compose_email(
        f"Subject: A\n\nHello <Ada> & co,\nhow are you?\n\nConfirm it:\n{link}\n\nBye.", project_name="Büro"
    )

    text, html = body(mail, "plain"), body(mail, "html")
    assert text == f"Hello <Ada> & co,\nhow are you?\n\nConfirm it:\n{link}\n\nBye.\n\n-- \nBüro\n{BASE}\n"
    assert "Hello &lt;Ada&gt; &amp; co,<br>how are you?</p>" in html
    assert f'<a href="{link.replace("&", "&amp;")}" class=' in html
    assert ">Confirm it</a>" in html
    assert "Büro" in html
    assert "<script" not in html


def test_language_is_in_the_headers_and_in_the_html() -> None:
    mail = compose_email("Subject: A\nContent-Language: pt_BR\n\nB")

    assert mail["Subject"] == "A"
    assert mail["Content-Language"] == "pt-BR"
    assert '<html lang="pt-BR">' in body(mail, "html")


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_each_email_has_at_most_one_button_which_says_what_it_does(file: Path) -> None:
    context = {"project": "Büro", "base_url": BASE, "link": f"{BASE}/verify/token"}
    environment = Environment(undefined=ChainableUndefined)  # noqa: S701 - plain text
    add_translations(environment)
    text = environment.from_string(file.read_text(encoding="utf-8")).render(context)

    links = [item for item in parse_message(text, BASE).paragraphs if item.link]
    assert len(links) <= 1
    assert BUTTON not in {item.label for item in links}
    assert len(re.findall("https://", text)) == len(links)


def test_html_has_a_preview_and_a_dark_theme() -> None:
    colors = theme.read_colors()

    html = body(compose_email(f"Subject: A\n\nHello <Ada>,\nhow are you?\n\nConfirm it:\n{BASE}/a"), "html")

    assert re.search(r'display: none[^>]*">Hello &lt;Ada&gt;, how are you\?</div>', html)
    light, dark = html.split("prefers-color-scheme: dark")[0], html.split("prefers-color-scheme: dark")[1]
    assert colors["accent"].dark not in light
    for name in ("paper", "sheet", "ink", "quiet", "accent", "on-accent"):
        assert f"{colors[name].dark} !important" in dark


@pytest.mark.parametrize(
    ("paragraph", "buttons"),
    [
        pytest.param(f"{BASE}/a", 1, id="alone"),
        pytest.param(BASE, 1, id="home"),
        pytest.param(f"Sign in\n{BASE}/a", 1, id="with-a-label"),
        pytest.param(f"See {BASE}/a", 0, id="within-a-sentence"),
        pytest.param(f"One\nTwo\n{BASE}/a", 0, id="below-lines"),
        pytest.param(f"{BASE}.evil.test/a", 0, id="other-host"),
        pytest.param(f"{BASE}@evil.test/a", 0, id="host-behind"),
        pytest.param("https://evil.test/a", 0, id="elsewhere"),
        pytest.param("javascript:alert(1)", 0, id="script"),
    ],
)
def test_only_links_to_the_project_become_buttons(paragraph: str, buttons: int) -> None:
    assert body(compose_email(f"Subject: A\n\n{paragraph}"), "html").count("<a ") == buttons


@pytest.mark.parametrize(
    "text",
    ["Hello", "Subject: A", "Subject:\n\nB", "Subject: A\nB\n\nC", "To: a@b.test\n\nB", "\n\n", "Subject: A\n\n"],
)
def test_text_without_subject_and_paragraph_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="an email starts with"):
        parse_message(text, BASE)


@pytest.mark.parametrize(
    ("address", "ascii_form"),
    [
        ("ada@example.com", "ada@example.com"),
        ("ada@bücher.example.com", "ada@xn--bcher-kva.example.com"),
        ("ädä@example.com", "ädä@example.com"),
    ],
)
def test_international_addresses_are_supported(address: str, ascii_form: str) -> None:
    assert ascii_address(address) == ascii_form
    assert compose_email("Subject: A\n\nB", address)["To"] == ascii_form


@pytest.mark.parametrize("address", ["", "ada", "a@b.test\r\nBcc: c@d.test", "a@b.test, c@d.test", "A <a@b.test>"])
def test_invalid_recipient_is_rejected(address: str) -> None:
    with pytest.raises(ValueError, match="not an email address"):
        compose_email("Subject: A\n\nB", address)


@pytest.mark.any_database
@pytest.mark.parametrize(
    "end", ["\n", "\r\n", "\r", "\n\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x00", "\ud800\n"], ids=ascii
)
def test_user_input_cannot_inject_headers_or_paragraphs(
    client: TestClient,
    templates: Path,
    make_settings: Callable[..., Settings],
    mailer: Mailer,
    end: str,
) -> None:
    """Behaviour 140."""
    (templates / "mails/hello.txt").write_text("Subject: Hello {{ text }}\n\nHello {{ text }}!\n\nBye.\n")
    forged = f"Ada{end}Bcc: eve@example.com{end}{end}<script>alert(1)</script>{end}{end}http://testserver/x"

    enqueue(client, mailer, "ada@example.com", text=forged)
    send_due(client, make_settings(mail={"url": f"file:{templates / 'out'}"}))

    (mail,) = emails_in(templates / "out")
    said = "Ada Bcc: eve@example.com <script>alert(1)</script> http://testserver/x"
    assert sorted(mail.keys()) == sorted(
        ["Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]
    )
    assert mail["Subject"].strip() == f"Hello {said}"
    assert body(mail, "plain").split("\n\n")[:2] == [f"Hello {said}!", "Bye."]
    assert "<script" not in body(mail, "html")
    assert "<a " not in body(mail, "html")
