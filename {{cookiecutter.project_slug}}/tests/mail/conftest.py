"""Fixtures for tests of emails."""

import ssl
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.testclient import TestClient

from app.database.base import utc_now
from app.mail.mailer import Mailer
from tests.mail.helpers import MailServer, requiring_tls_and_login, running_mail_server

HELLO = "Subject: Hello from {{ project }}\n\n{{ text }}\n\nThat is all.\n"


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """Create a template folder with the template `hello`."""
    folder = tmp_path / "templates"
    (folder / "mails").mkdir(parents=True)
    (folder / "mails/hello.txt").write_text(HELLO)
    return folder


@pytest.fixture
def mailer(client: TestClient, templates: Path) -> Mailer:
    """Return a mailer for the template `hello`."""
    return Mailer(client.app_state["settings"], [templates])


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a file with a key and a certificate for this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(utc_now() - timedelta(hours=1))
        .not_valid_after(utc_now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.fixture
def server_tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return a TLS context for a server, whose certificate this process trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def mail_server(server_tls: ssl.SSLContext) -> Iterator[MailServer]:
    """Run a server that requires STARTTLS and authentication."""
    with running_mail_server(**requiring_tls_and_login(server_tls)) as server:
        yield server
