"""An unavailable mail server doesn't affect requests."""

import socket
import ssl
import time
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from app.accounts.models import User
from app.database.base import utc_now
from app.mail.transports import SMTP_TIMEOUT_SECONDS
from tests.mail.helpers import LOGIN, queued_emails, requiring_tls_and_login, running_mail_server, update_all
from tests.support import PASSWORD, wait_until

FORGOT = "/api/v1/auth/password/forgot"
REGISTER = "/api/v1/auth/register"


@pytest.mark.any_database
def test_email_is_sent_once_the_server_is_back(
    start_app: Callable[..., TestClient], server_tls: ssl.SSLContext, ada: User
) -> None:
    """Behaviour 149."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"smtp://{LOGIN}@localhost:{port}"
        client = start_app(mail={"url": url}, jobs={"in_server": True, "poll_interval": 0.1})
        began = time.monotonic()
        responses = [client.post(FORGOT, json={"email": email}) for email in (ada.email, "nobody@example.com")]
        responses += [
            client.post(REGISTER, json={"email": f"{name}@example.com", "password": PASSWORD}) for name in "ab"
        ]
        took = time.monotonic() - began

    wait_until(lambda: queued_emails(client)[0].last_error)
    assert [response.status_code for response in responses] == [202] * 4
    assert responses[0].json() == responses[1].json()
    assert took < SMTP_TIMEOUT_SECONDS, "responses didn't wait for the mail server"

    wait_until(lambda: all(mail.last_error for mail in queued_emails(client)))
    with running_mail_server(port=port, **requiring_tls_and_login(server_tls)) as server:
        update_all(client, due_at=utc_now())
        wait_until(lambda: all(mail.state == "succeeded" for mail in queued_emails(client)))

    assert sorted(mail["To"] for mail in server.mails) == ["a@example.com", ada.email, "b@example.com"]
