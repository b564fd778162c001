"""Queueing emails: encrypted, and only if the transaction commits."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.mail.mailer import Mailer
from tests.mail.helpers import enqueue, queued_emails
from tests.support import emails_to, in_database, link_in

pytestmark = pytest.mark.any_database


def test_emails_to_an_address_can_be_read_in_tests(client: TestClient, mailer: Mailer) -> None:
    enqueue(client, mailer, "ada@example.com", "bob@example.com")
    enqueue(client, mailer, "ada@example.com", text="See http://testserver/verify/countess?next=/notes")

    first, second = emails_to(client, "ada@example.com")

    assert first.startswith("Subject: Hello from ")
    assert link_in(second) == "/verify/countess?next=/notes"
    assert emails_to(client, "nobody@example.com") == []


def test_queued_email_is_encrypted(client: TestClient, mailer: Mailer) -> None:
    enqueue(client, mailer, "ada@example.com", text="a secret link")

    (waiting,) = queued_emails(client)
    assert waiting.arguments is not None
    assert "secret" not in str(waiting.arguments)
    assert "ada" not in str(waiting.arguments)


@pytest.mark.parametrize(
    ("template", "error"),
    [
        pytest.param("Subject: A\n\n{{ missing }}", UndefinedError, id="name-that-is-not-there"),
        pytest.param("Hello {{ text }}", ValueError, id="no-subject"),
    ],
)
def test_invalid_template_fails_when_it_is_queued(
    client: TestClient, mailer: Mailer, templates: Path, template: str, error: type[Exception]
) -> None:
    (templates / "mails/hello.txt").write_text(template)

    with pytest.raises(error):
        enqueue(client, mailer, "ada@example.com")

    assert queued_emails(client) == []


def test_email_of_a_failed_transaction_is_not_queued(client: TestClient, mailer: Mailer) -> None:
    async def fail(session: AsyncSession) -> None:
        await mailer.enqueue(session, "ada@example.com", "hello", text="Hello.")
        raise LookupError

    with pytest.raises(LookupError):
        in_database(client, fail)

    assert queued_emails(client) == []
