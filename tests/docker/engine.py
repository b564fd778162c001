"""A temporary Docker engine for tests of `docker-compose up`.

The engine doesn't change the machine: it has its own socket and data directory, no bridge and no
firewall rules. Containers can reach each other and publish ports, but can't reach other machines;
only builds can, with `--network host`.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

PACKAGES = {"dockerd": "docker.io", "docker-compose": "docker-compose", "mmdebstrap": "mmdebstrap"}

MIN_FREE_BYTES = 8 * 2**30  # 2 GiB are used

# Debian's docker comes first, because it builds without a plugin.
SEARCH_PATH = f"/usr/sbin:/usr/bin:/sbin:/bin:{os.environ.get('PATH', '')}"


@dataclass(frozen=True)
class Engine:
    """A running engine and its directory."""

    folder: Path

    def run(
        self, *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        """Run a command against this engine and return what it printed.

        Raises:
            AssertionError: the command failed; the message contains its output.
        """
        done = self.attempt(*command, cwd=cwd, env=env)
        if done.returncode:
            output = f"{done.stdout}{done.stderr}".strip()
            raise AssertionError(
                f"{' '.join(map(str, command))} ended with {done.returncode}:\n{output}"
            )
        return done.stdout

    def attempt(
        self, *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command against this engine and return the completed process."""
        program = shutil.which(command[0], path=SEARCH_PATH) or command[0]
        return subprocess.run(
            [program, *command[1:]],
            cwd=cwd or self.folder,
            env=self.environ() | dict(env or {}),
            check=False,
            stdin=subprocess.DEVNULL,  # docker-compose 1 waits for input otherwise
            capture_output=True,
            text=True,
            timeout=300,
        )

    def environ(self) -> dict[str, str]:
        """Return the environment of commands: this engine, without the user's configuration."""
        return {
            "PATH": SEARCH_PATH,
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "DOCKER_HOST": f"unix://{self.folder / 'docker.sock'}",
        }


def reason_not_to_run() -> str | None:
    """Return why no engine can be started on this machine, or None."""
    if not sys.platform.startswith("linux"):
        return "a temporary Docker engine needs Linux"
    if os.geteuid() != 0:
        return "a temporary Docker engine needs root"
    missing = [
        package
        for command, package in PACKAGES.items()
        if not shutil.which(command, path=SEARCH_PATH)
    ]
    if missing:
        return f"missing: apt-get install --no-install-recommends {' '.join(missing)}"
    return None


@contextmanager
def running_engine() -> Iterator[Engine]:
    """Start an engine in a temporary directory; stop and delete it afterwards."""
    with TemporaryDirectory(
        prefix="fireup-docker-", dir=_memory_folder(), ignore_cleanup_errors=True
    ) as name:
        engine = Engine(Path(name))
        (engine.folder / "daemon.json").write_text("{}")  # not the machine's configuration
        with (engine.folder / "dockerd.log").open("wb") as log:
            daemon = subprocess.Popen(
                _daemon_command(engine.folder),
                env=os.environ | {"PATH": SEARCH_PATH},  # iptables is needed for name resolution
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            _wait_until_running(engine, daemon)
            yield engine
        finally:
            _remove_networks(engine)
            _stop(daemon)
            _unmount_below(engine.folder)


def _memory_folder() -> str | None:
    """Return /dev/shm if it has enough space, because images have a hundred thousand files."""
    memory = Path("/dev/shm")  # noqa: S108 - a random directory is created in it
    return (
        str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > MIN_FREE_BYTES else None
    )


def _daemon_command(folder: Path) -> list[str]:
    dockerd = shutil.which("dockerd", path=SEARCH_PATH) or "dockerd"
    # With setpriv, the kernel stops the engine if the tests are killed.
    return [
        *("setpriv", "--pdeathsig", "TERM", dockerd),
        *("--host", f"unix://{folder / 'docker.sock'}"),
        *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
        *("--pidfile", str(folder / "dockerd.pid"), "--config-file", str(folder / "daemon.json")),
        *(
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--ip-masq=false",
        ),
        "--oom-score-adjust=0",
    ]


def _wait_until_running(engine: Engine, daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while engine.attempt("docker", "info").returncode:
        if daemon.poll() is not None or time.monotonic() > deadline:
            log = (engine.folder / "dockerd.log").read_text(errors="replace")
            raise AssertionError(f"dockerd did not start:\n{log[-4000:]}")
        time.sleep(0.2)


def _remove_networks(engine: Engine) -> None:
    """Remove the networks, whose bridges would remain on the machine."""
    containers = engine.attempt("docker", "ps", "--all", "--quiet").stdout.split()
    if containers:
        engine.attempt("docker", "rm", "--force", *containers)
    engine.attempt("docker", "network", "prune", "--force")


def _stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(timeout=60)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _unmount_below(folder: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in reversed([mount for mount in mounts if mount.startswith(f"{folder}/")]):
        subprocess.run(["/usr/bin/umount", mount], check=False)
