"""A mail server that can hold its replies back, and be away."""

import asyncio
import ssl
from collections import Counter
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller  # type: ignore[import-not-found] # the project's
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Inbox:
    """Counts accepted emails by receiver."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.certificate = port, folder / "mail.pem"
        self.receivers: Counter[str] = Counter()
        self.pending = 0
        """Emails that are received, without a reply."""
        self.is_paused = False
        create_certificate(self.certificate)
        self._controller: Any = None
        self.open()

    def open(self) -> None:
        """Start the server."""
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(self.certificate)
        options = {"hostname": "127.0.0.1", "port": self.port, "tls_context": tls}
        self._controller = Controller(self, **options)
        self._controller.start()

    def close(self) -> None:
        """Stop it; connections are refused."""
        self._controller.stop()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802, ANN401
        """Accept an email."""
        _ = server, session
        self.pending += 1
        try:
            while self.is_paused:  # noqa: ASYNC110 - another thread ends it
                await asyncio.sleep(0.01)
        finally:
            self.pending -= 1
        self.receivers.update(envelope.rcpt_tos)
        return "250 taken"


def create_certificate(path: Path) -> None:
    """Create a file with a key and a certificate for this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now, year = datetime.now(UTC), timedelta(days=365)  # clocks are set wrongly here
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - year)
        .not_valid_after(now + year)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(made.public_bytes(pem) + private)
