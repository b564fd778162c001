"""A Docker engine of our own, removed afterwards, so that `docker-compose up` is tested for real.

The engine leaves the machine as it was: its own socket and data folder, no bridge, no firewall
rule. Containers talk to each other and publish ports, but reach no other machine; only builds do,
with `--network host`.
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

PLENTY = 8 * 2**30  # bytes; two are used

# Debian's own docker comes first: it builds without a plugin, which a newer one may lack.
SEARCH_PATH = f"/usr/sbin:/usr/bin:/sbin:/bin:{os.environ.get('PATH', '')}"


@dataclass(frozen=True)
class Engine:
    """A running engine and the folder that everything of it lies in."""

    folder: Path

    def run(
        self, *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        """Run a command against this engine and return what it printed.

        Raises:
            AssertionError: the command failed; the message holds all it printed.
        """
        done = self.attempt(*command, cwd=cwd, env=env)
        if done.returncode:
            said = f"{done.stdout}{done.stderr}".strip()
            raise AssertionError(
                f"{' '.join(map(str, command))} ended with {done.returncode}:\n{said}"
            )
        return done.stdout

    def attempt(
        self, *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command against this engine, whatever it ends with."""
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
        """Return the environment of commands: this engine, and nothing of the user's."""
        return {
            "PATH": SEARCH_PATH,
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "DOCKER_HOST": f"unix://{self.folder / 'docker.sock'}",
        }


def reason_not_to_run() -> str | None:
    """Say why no engine can be started here, or nothing."""
    if not sys.platform.startswith("linux"):
        return "an own Docker engine needs Linux"
    if os.geteuid() != 0:
        return "an own Docker engine needs root"
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
    """Start an engine in a temporary folder; stop it and remove all of it in the end."""
    with TemporaryDirectory(
        prefix="fireup-docker-", dir=_quick_folder(), ignore_cleanup_errors=True
    ) as name:
        engine = Engine(Path(name))
        (engine.folder / "daemon.json").write_text(
            "{}"
        )  # not the one of the machine, if there is any
        with (engine.folder / "dockerd.log").open("wb") as log:
            daemon = subprocess.Popen(
                _daemon_command(engine.folder),
                env=os.environ | {"PATH": SEARCH_PATH},  # where iptables is, without it no names
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            _wait_until_it_answers(engine, daemon)
            yield engine
        finally:
            _remove_networks(engine)
            _stop(daemon)
            _unmount_below(engine.folder)


def _quick_folder() -> str | None:
    """Return where memory is the disk, if there is plenty: images are a hundred thousand files."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder that nobody can guess is made in it
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > PLENTY else None


def _daemon_command(folder: Path) -> list[str]:
    dockerd = shutil.which("dockerd", path=SEARCH_PATH) or "dockerd"
    # setpriv has the kernel stop the engine when the tests are killed and cannot do it themselves.
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


def _wait_until_it_answers(engine: Engine, daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while engine.attempt("docker", "info").returncode:
        if daemon.poll() is not None or time.monotonic() > deadline:
            log = (engine.folder / "dockerd.log").read_text(errors="replace")
            raise AssertionError(f"dockerd did not start:\n{log[-4000:]}")
        time.sleep(0.2)


def _remove_networks(engine: Engine) -> None:
    """Take down what would stay behind on the machine: the bridge of each, with its addresses."""
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
