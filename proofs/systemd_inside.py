"""Run by proofs/systemd.py, as root on the server, with only the standard library."""

import http.client
import json
import os
import re
import ssl
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self

HOME, SHOP = Path("/root"), Path("/srv/shop")
CLIENTS = 4
SECONDS = 60
Found = dict[str, Any]


def run(script: str) -> str:
    """Run a script in the project; it must succeed."""
    done = attempt(script)
    if done.returncode:
        journal = attempt("journalctl --no-pager --lines 60").stdout
        raise AssertionError(f"{script}\n{done.stdout}\n{journal}")
    return done.stdout


def attempt(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in the project."""
    return subprocess.run(
        ["/bin/sh", "-euc", script],
        cwd=SHOP,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def show(unit: str, name: str) -> str:
    """Return a property of a unit."""
    return run(f"systemctl show {unit} -p {name} --value").strip()


def send(method: str, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
    """Send a request through Caddy; return its status and body."""
    insecure = ssl.create_default_context()
    insecure.check_hostname, insecure.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("localhost", timeout=SECONDS, context=insecure)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    try:
        connection.request(method, path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        text = response.read()
        is_json = "json" in response.getheader("Content-Type", "")
        return response.status, json.loads(text) if is_json and text else text
    finally:
        connection.close()


class Clients:
    """Clients that write notes until they are stopped."""

    def __init__(self, token: str) -> None:
        self.token, self.statuses, self.longest = token, Counter[str](), 0.0
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._write) for _ in range(CLIENTS)]

    def _write(self) -> None:
        while not self.stopped.is_set():
            began = time.monotonic()
            try:
                note = {"title": f"{threading.get_ident()}-{began}"}
                status = str(send("POST", "/api/v1/notes", note, self.token)[0])
            except OSError as error:
                status = repr(error)
            self.statuses[status] += 1
            self.longest = max(self.longest, time.monotonic() - began)

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def wait_until_ready() -> None:
    """Wait until the app serves."""
    deadline = time.monotonic() + SECONDS
    while send("GET", "/login")[0] != 200:
        assert time.monotonic() < deadline, run("journalctl --no-pager --unit 'shop-*'")
        time.sleep(0.2)


def wait_for(pattern: str) -> Path:
    """Wait until a file exists."""
    deadline = time.monotonic() + SECONDS
    while not (files := list(Path("/var/lib/shop").glob(pattern))):
        assert time.monotonic() < deadline, run("journalctl --no-pager --unit 'shop-*'")
        time.sleep(0.2)
    return files[0]


def install(blocks: list[str]) -> str:
    """Install the first release as documented; return an access token of the admin."""
    run(blocks[0])
    settings = Path("/etc/shop/settings.env")
    text = re.sub("(?m)^MAIL_URL=.*$", "MAIL_URL=file:/var/lib/shop/mail", settings.read_text())
    settings.write_text(text.replace("https://example.com", "https://localhost"))
    caddyfile = Path("/etc/caddy/Caddyfile")
    caddyfile.write_text(caddyfile.read_text().replace("example.com", "localhost"))
    printed = run(blocks[1])
    shown = re.search(r"(admin@example\.com)\n.*?(\S{12,})\n", printed)
    assert shown, printed
    password = shown[2]
    wait_until_ready()
    login = {"email": shown[1], "password": password}
    status, body = send("POST", "/api/v1/auth/login", login)
    assert status == 200, body
    return str(body["access_token"])


def check_sandbox(found: Found) -> None:
    """Check what the processes may do."""
    for name in ("web", "worker", "setup", "backup"):
        printed = run(f"systemd-analyze security --no-pager shop-{name}")
        found[f"exposure of {name}"] = float(re.findall(r"level for \S+: ([\d.]+)", printed)[0])
    status = Path("/proc", show("shop-web", "MainPID"), "status").read_text()
    assert re.search(r"CapEff:\s0+\n", status)
    assert re.search(r"NoNewPrivs:\s1\n", status)
    assert re.search(r"Seccomp:\s2\n", status)
    for path in ("/etc/shop/secrets", "/var/lib/shop", "/run/credentials/shop-web.service"):
        assert attempt(f"runuser -u nobody -- ls {path}").returncode, path
    assert attempt("runuser -u shop -- touch /srv/shop/app/main.py").returncode
    assert send("GET", "/health/ready")[0] == 404, "only for operators"
    assert run("curl -sko /dev/null -w '%{http_version}' https://localhost/login") == "2"


def replace_release(found: Found, block: str, token: str) -> None:
    """Install a release with a migration while clients write, then one that fails."""
    migrations = sorted(HOME.glob("0*_proof_*.py"))
    update = block.replace("git pull\n", "")
    for name, path in zip(("release", "failing release"), migrations, strict=True):
        (SHOP / "migrations/versions" / path.name).write_text(path.read_text())
        before = show("shop-web", "MainPID")
        began = time.monotonic()
        with Clients(token) as clients:
            done = attempt(update)
            found[f"{name}, seconds"] = round(time.monotonic() - began, 1)
            wait_until_ready()
        found[f"{name}, responses"] = dict(clients.statuses)
        found[f"{name}, longest response"] = round(clients.longest, 1)
        fails = name != "release"
        assert (done.returncode != 0) == fails, done.stdout
        assert (show("shop-web", "MainPID") == before) == fails
        if set(clients.statuses) != {"201"}:
            found["faults"].append(f"{name}: {dict(clients.statuses)}")
    (SHOP / "migrations/versions" / migrations[-1].name).unlink()


def main() -> None:
    """Check everything, and write what was found."""
    began = time.monotonic()
    blocks = json.loads((HOME / "blocks.json").read_text())
    found: Found = {"faults": []}
    token = install(blocks)
    found["first release, seconds"] = round(time.monotonic() - began, 1)
    check_sandbox(found)
    replace_release(found, blocks[2], token)

    os.kill(int(show("shop-web", "MainPID")), 9)
    wait_until_ready()
    found["restarts after SIGKILL"] = int(show("shop-web", "NRestarts"))

    assert send("POST", "/api/v1/auth/password/forgot", {"email": "admin@example.com"})[0] == 202
    wait_for("mail/*")
    run("systemctl start shop-backup")
    found["backup, bytes"] = wait_for("backups/*").stat().st_size

    began = time.monotonic()
    run("systemctl stop shop-web shop-worker")
    found["stop, seconds"] = round(time.monotonic() - began, 1)
    for name in ("web", "worker"):
        assert show(f"shop-{name}", "Result") == "success"
    errors = run("journalctl --no-pager --output cat --unit caddy").splitlines()
    found["faults"] += [line for line in errors if '"status":502' in line][:3]
    (HOME / "found.json").write_text(json.dumps(found))


main()
