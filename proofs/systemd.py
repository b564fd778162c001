"""A generated project on a server with systemd, as docs/systemd.md installs it.

    python3 fireup.py prove systemd

A Debian with systemd, PostgreSQL and Caddy is built and booted in a container without a network
(systemd-nspawn). There, the blocks of docs/systemd.md are run as they are, for a project called
Shop. Clients use it over HTTPS while a release with a migration is installed, a process is killed
and a release fails. `proofs/systemd_inside.py` has what is checked. It needs root, mmdebstrap and
systemd-container, and leaves nothing behind.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import fireup
from proofs.scratch import add_keep, scratch_folder
from tests.deployments import write_deployments
from tests.docker.base_images import CA_BUNDLE, PIP_CONF
from tests.docker.engine import SEARCH_PATH

SUITE = "bookworm"  # its systemd also runs where control groups have version 1
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "python3", "python3-venv", "ca-certificates", "netbase"),
    *("tzdata", "postgresql", "caddy", "curl"),
)
HERE = Path(__file__).parent
BLOCK = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
UNIT = """
[Unit]
After=multi-user.target postgresql.service
[Service]
Type=oneshot
Environment=PIP_NO_INDEX=1 PIP_FIND_LINKS=/root/wheels
ExecStart=/usr/bin/python3 /root/systemd_inside.py
StandardOutput=file:/root/output
StandardError=inherit
ExecStopPost=/bin/systemctl --no-block poweroff
"""
MIGRATION = '''"""A migration of the proof."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{previous}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.{change}


def downgrade() -> None:
    pass
'''
CHANGES = (
    'add_column("notes", sa.Column("extra", sa.String(20), nullable=True))',
    'execute("SELECT 1 / 0")',
)


def build(scratch: Path) -> Path:
    """Build the root file system: Debian, the project in /srv/shop, its next releases, wheels."""
    root, home = scratch / "root", scratch / "root" / "root"
    options = ["--variant=minbase", f"--include={','.join(PACKAGES)}", "--quiet"]
    subprocess.run(
        [find("mmdebstrap"), *options, SUITE, root], check=True, stdin=subprocess.DEVNULL
    )
    project = fireup.generate(scratch / "shop", {"project_name": "Shop"})
    write_deployments(project, "systemd")
    shutil.copytree(project, root / "srv" / "shop")
    versions = sorted(path.name[:4] for path in (project / "migrations/versions").glob("0*.py"))
    for number, change in enumerate(CHANGES):
        revision = f"{int(versions[-1]) + 1:04}"
        text = MIGRATION.format(revision=revision, previous=versions[-1], change=change)
        (home / f"{revision}_proof_{number}.py").write_text(text)
        versions.append(revision)
    download_wheels(root)
    text = (fireup.TEMPLATE / "docs" / "systemd.md").read_text(encoding="utf-8")
    (home / "blocks.json").write_text(json.dumps(BLOCK.findall(text)))
    shutil.copy(HERE / "systemd_inside.py", home)
    (root / "etc/systemd/system/proof.service").write_text(UNIT)
    wants = root / "etc/systemd/system/graphical.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / "proof.service").symlink_to("../proof.service")
    return root


def download_wheels(root: Path) -> None:
    """Download the packages of the project with the server's Python, which has no network later."""
    for source in (Path("/etc/resolv.conf"), Path("/etc/hosts"), PIP_CONF):
        if source.exists():
            shutil.copy(source, root / "etc")
    shutil.copy(CA_BUNDLE, root / "root" / "ca.crt")
    options = "--quiet --no-deps --require-hashes --only-binary=:all: --dest /root/wheels"
    script = f"""
        python3 -m venv /root/pip
        /root/pip/bin/pip download {options} --requirement /srv/shop/requirements.txt
        rm -rf /root/pip
    """
    variables = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    variables |= {"PATH": "/usr/bin:/bin", "PIP_CERT": "/root/ca.crt"}
    command = [find("chroot"), str(root), "/bin/sh", "-euc", script]
    subprocess.run(command, check=True, env=variables, stdin=subprocess.DEVNULL)


def find(program: str) -> str:
    """Return the path of a program of the machine."""
    found = shutil.which(program, path=SEARCH_PATH)
    return found or sys.exit(f"{program} is missing: install mmdebstrap and systemd-container.")


def prove(scratch: Path) -> dict[str, Any]:
    """Boot the server and return what was found."""
    root = build(scratch)
    options = ["--boot", "--register=no", "--keep-unit", "--private-network", "--quiet"]
    with (scratch / "console").open("wb") as console:
        subprocess.run(
            [find("systemd-nspawn"), *options, "--directory", root],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            timeout=900,
        )
    found = root / "root" / "found.json"
    if not found.exists():
        output = root / "root" / "output"
        text = (output if output.exists() else scratch / "console").read_text(errors="replace")
        raise AssertionError(text[-6000:])
    return json.loads(found.read_text())  # type: ignore[no-any-return] # what it wrote


def main() -> None:
    """Run the proof; exit with 1 if there is a fault."""
    parser = argparse.ArgumentParser(prog="python3 fireup.py prove systemd")
    add_keep(parser)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("This proof needs root.")
    with scratch_folder(keep=options.keep) as scratch:
        found = prove(scratch)
    for name, value in found.items():
        print(f"{name}: {value}")
    sys.exit(1 if found["faults"] else 0)


if __name__ == "__main__":
    main()
