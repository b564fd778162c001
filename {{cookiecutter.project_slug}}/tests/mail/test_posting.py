"""What is posted: in the outbox with its transaction, and unreadable there."""

from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from app.mail.mailer import Mailer
from tests.support import in_database, link_in, mails_to

HELLO = "Subject: Hello from {{ project }}\n\nHello {{ name }}!\n\n{{ base_url }}/verify/{{ token }}?next=/notes\n"


@pytest.fixture
def mailer(client: TestClient, tmp_path: Path) -> Mailer:
    """Return a mailer with a template of its own."""
    (tmp_path / "mails").mkdir()
    (tmp_path / "mails/hello.txt").write_text(HELLO)
    return Mailer(client.app_state["settings"], client.app_state["authenticator"].keys, [tmp_path])


def test_mails_of_an_address_can_be_read_in_tests(client: TestClient, mailer: Mailer) -> None:
    async def post(session: AsyncSession) -> None:
        for name, address in (("Ada", "ada@example.com"), ("Bob", "bob@example.com"), ("Countess", "ada@example.com")):
            await mailer.post(session, address, "hello", name=name, token=name.lower())

    in_database(client, post)

    first, second = mails_to(client, "ada@example.com")

    assert first.startswith("Subject: Hello from ")
    assert "Hello Ada!" in first
    assert link_in(second) == "/verify/countess?next=/notes"
    assert mails_to(client, "nobody@example.com") == []
