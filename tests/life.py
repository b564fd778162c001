"""The lifecycle of an account in a browser, from sign-up to deletion."""

import base64
import email
import email.policy
import hashlib
import hmac
import json
import re
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.windows import Visit

FIRST = "seven quiet herons near the mill"
SECOND = "an old bicycle in the rain, 1971"
SECONDS_TO_WAIT_FOR_MAIL = 20


@dataclass
class Person:
    """A user with a mailbox: the folder of a project's emails in development."""

    window: Visit
    mailbox: Path
    address: str
    password: str = FIRST
    codes: list[str] = field(default_factory=list)

    def fill(self, label: str, value: str) -> None:
        """Fill in a field."""
        self.window.page.get_by_label(label, exact=True).fill(value)

    def link(self, subject: str, address: str | None = None) -> str:
        """Wait for an email with this subject, and return the path of its link."""
        return find_link(self.mailbox, address or self.address, subject, self.window.address)

    def see(self, text: str) -> None:
        """Check that the page shows a text."""
        assert self.window.page.get_by_text(text).first.is_visible(), text

    def sign_up(self) -> None:
        """Create an account and verify its email address."""
        self.window.open("/")
        self.window.follow("Sign up")
        self.fill("Email address", self.address)
        self.fill("Password", self.password)
        self.window.press("Sign up")
        self.see(self.address)
        self.window.open(self.link("Confirm"))
        self.window.press("Confirm")
        self.see("Email address confirmed.")

    def sign_in(self) -> None:
        """Sign in, with a recovery code if there is one."""
        self.window.open("/login")
        self.fill("Email address", self.address)
        self.fill("Password", self.password)
        self.window.press("Sign in")
        if self.codes:
            self.fill("Code", self.codes.pop())
            self.window.press("Sign in")
        assert self.window.page.url == f"{self.window.address}/"
        self.window.open("/account")

    def reset_password(self) -> None:
        """Reset the password to the second one."""
        self.window.open("/login")
        self.window.follow("Forgot your password?")
        self.fill("Email address", self.address)
        self.window.press("Send reset link")
        self.window.open(self.link("Reset your"))
        self.password = SECOND
        self.fill("New password", self.password)
        self.window.press("Set password")
        self.see("Password changed. Sign in with your new password.")

    def change_password(self) -> None:
        """Change the password back to the first one."""
        self.window.follow("Password")
        self.fill("Current password", self.password)
        self.fill("New password", FIRST)
        self.password = FIRST
        self.window.press("Change password")
        self.see("Password changed.")

    def add_second_factor(self) -> None:
        """Set up two-factor authentication, and keep the recovery codes."""
        self.window.follow("Two-factor authentication")
        self.window.follow("Set up")
        self.window.press("Continue")
        assert self.window.page.get_by_role("img", name="QR code").is_visible()
        key = self.window.page.locator("main p code").first.inner_text()
        self.fill("Code", one_time_code(key))
        self.window.press("Turn on")
        self.codes = self.window.page.locator("main li code").all_inner_texts()
        assert len(self.codes) == 10
        if self.window.thorough:
            self._keep_codes()
        else:
            assert not self.window.page.get_by_role("button", name="Copy").all()

    def _keep_codes(self) -> None:
        """Copy, download and print the codes."""
        page, about = self.window.page, self.window.page.locator(".whose").inner_text()
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy").click()
        page.get_by_text("Copied.").wait_for()
        assert page.evaluate("navigator.clipboard.readText()").split("\n") == self.codes
        with page.expect_download() as saved:
            page.get_by_role("button", name="Download").click()
        assert saved.value.suggested_filename == "recovery-codes.txt"
        lines = saved.value.path().read_text(encoding="utf-8").splitlines()
        assert lines == ["Recovery codes", about, "", *self.codes]
        page.emulate_media(media="print")
        assert page.locator("body").inner_text().split("\n\n")[:2] == ["Recovery codes", about]
        assert not page.get_by_role("navigation").or_(page.get_by_role("button")).all()
        page.emulate_media(media="screen")

    def end_others(self, other: "Person") -> None:
        """Sign in on another device, and end its session from this one."""
        other.password = self.password
        other.codes = [self.codes.pop()]
        other.sign_in()
        self.window.follow("Sessions")
        assert self.window.page.get_by_text("This device").count() == 1
        self.window.press("End all other sessions")
        self.see("You've been signed out on all other devices.")
        other.window.open("/account")
        assert other.window.page.url.startswith(f"{self.window.address}/login")

    def change_email(self, new: str) -> None:
        """Change the email address with the link sent to the new one."""
        self.window.follow("Email")
        self.fill("New email address", new)
        self.window.press("Change email")
        self.window.open(self.link("Confirm", new))
        self.window.press("Change email address")
        self.address = new
        self.see("Email address changed.")

    def download_data(self) -> None:
        """Download the account's data, and look for the email address in it."""
        self.window.follow("Activity")
        self.see("Email address changed")
        self.window.follow("Your data")
        with self.window.page.expect_download() as download:
            self.window.page.get_by_role("link", name="Download your data").click()
        assert (
            json.loads(Path(download.value.path()).read_text())["profile"]["email"] == self.address
        )

    def delete_account(self) -> None:
        """Delete the account."""
        self.window.follow("Delete your account…")
        self.window.page.get_by_label("to confirm").fill(self.address)
        self.window.press("Delete my account")
        self.see("Your account was deleted")
        self.window.open("/login")
        assert self.window.page.get_by_role("link", name="Account").count() == 0


def find_link(mailbox: Path, address: str, subject: str, site: str) -> str:
    """Wait for an email with this subject, and return the path of its link to the site."""
    deadline = time.monotonic() + SECONDS_TO_WAIT_FOR_MAIL
    while time.monotonic() < deadline:
        for file in mailbox.glob("*.eml"):
            mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            body = mail.get_body(("plain",))
            if mail["To"] == address and subject in mail["Subject"] and body:
                link = re.search(rf"{site}(/\S+)", body.get_content())
                assert link, body.get_content()
                return link[1]
        time.sleep(0.1)
    message = f"no email about {subject!r} to {address}"
    raise AssertionError(message)


def one_time_code(key: str) -> str:
    """Return the current code for this key (RFC 6238)."""
    secret = base64.b32decode(key.replace(" ", ""))
    mac = hmac.digest(secret, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1)
    offset = mac[-1] & 15
    return f"{(struct.unpack_from('>I', mac, offset)[0] & 0x7FFFFFFF) % 1_000_000:06}"
