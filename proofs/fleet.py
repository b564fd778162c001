"""Processes of a project: servers and workers, which are started again when they died."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

MAX_SHUTDOWN_SECONDS = 30


class Process:
    """A process that is started again when it died."""

    def __init__(
        self,
        name: str,
        log: Path,
        arguments: Sequence[str],
        *before: str,
        variables: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name, self._log, self._folder = name, log, folder
        self._command = [*before, sys.executable, "-B", "-m", "app", *arguments]
        self.variables = dict(os.environ if variables is None else variables)
        self.starts = 0
        self.start()

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.variables,
                cwd=self._folder,
                start_new_session=True,
            )
        self.starts += 1

    def revive(self) -> None:
        """Start it again if it died."""
        if self.process.poll() is not None:
            self.start()

    @property
    def pid(self) -> int:
        """Return the ID of the current process."""
        return self.process.pid

    def kill(self) -> None:
        """Kill it: nothing in it learns of it."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def signal_group(self, number: int) -> None:
        """Send a signal to it and its children, as systemd and Docker do in the end."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def stop(self) -> float:
        """Stop it as a deploy does; return after how many seconds it ended.

        Raises:
            TimeoutError: it didn't end, so it was killed.
        """
        started = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(MAX_SHUTDOWN_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"{self.name} did not stop") from None
        return time.monotonic() - started
