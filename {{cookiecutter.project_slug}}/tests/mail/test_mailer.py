"""What is posted: in the outbox with its transaction or not at all, and unreadable there."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.mail.mailer import Mailer
from tests.mail.helpers import enqueue, outbox
from tests.support import in_database, link_in, mails_to

pytestmark = pytest.mark.any_database


def test_mails_of_an_address_can_be_read_in_tests(client: TestClient, mailer: Mailer) -> None:
    enqueue(client, mailer, "ada@example.com", "bob@example.com")
    enqueue(client, mailer, "ada@example.com", text="See http://testserver/verify/countess?next=/notes")

    first, second = mails_to(client, "ada@example.com")

    assert first.startswith("Subject: Hello from ")
    assert link_in(second) == "/verify/countess?next=/notes"
    assert mails_to(client, "nobody@example.com") == []


def test_mail_waits_unreadable(client: TestClient, mailer: Mailer) -> None:
    enqueue(client, mailer, "ada@example.com", text="a secret link")

    (waiting,) = outbox(client)
    assert waiting.payload is not None
    assert b"secret" not in waiting.payload
    assert b"ada" not in waiting.payload


@pytest.mark.parametrize(
    ("template", "error"),
    [
        pytest.param("Subject: A\n\n{{ missing }}", UndefinedError, id="name-that-is-not-there"),
        pytest.param("Hello {{ text }}", ValueError, id="no-subject"),
    ],
)
def test_template_that_makes_no_mail_fails_where_it_is_posted(
    client: TestClient, mailer: Mailer, templates: Path, template: str, error: type[Exception]
) -> None:
    (templates / "mails/hello.txt").write_text(template)

    with pytest.raises(error):
        enqueue(client, mailer, "ada@example.com")

    assert outbox(client) == []


def test_mail_of_a_transaction_that_fails_is_not_posted(client: TestClient, mailer: Mailer) -> None:
    async def fail(session: AsyncSession) -> None:
        await mailer.enqueue(session, "ada@example.com", "hello", text="Hello.")
        raise LookupError

    with pytest.raises(LookupError):
        in_database(client, fail)

    assert outbox(client) == []
