"""Network namespaces on this machine, whose links can be cut as if a cable was pulled out."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

PREFIX = "10.213.91"
ROUTE = f"{PREFIX}.0/24"
HERE = f"{PREFIX}.1"
"""Address of this machine in the network."""


class Network:
    """A bridge to which the namespaces are linked; it needs root."""

    def __init__(self, number: int) -> None:
        self._id = f"{os.getpid() % 100_000}"
        self.bridge = f"fb{self._id}"
        self.names = [f"fireup-{self._id}-{n}" for n in range(number)]
        self._links = [f"fl{self._id}-{n}" for n in range(number)]

    def open(self) -> None:
        """Create everything."""
        _ip("link", "add", self.bridge, "type", "bridge")
        _ip("addr", "add", f"{HERE}/24", "dev", self.bridge)
        _ip("link", "set", self.bridge, "up")
        for number, (name, link) in enumerate(zip(self.names, self._links, strict=True), 2):
            _ip("netns", "add", name)
            _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", link, "master", self.bridge, "up")
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "addr", "add", f"{PREFIX}.{number}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")

    def close(self) -> None:
        """Remove everything that is there."""
        for name in self.names:
            _ip("netns", "del", name, check=False)
        _ip("link", "del", self.bridge, check=False)

    def inside(self, number: int) -> list[str]:
        """Return the beginning of a command that runs in a namespace."""
        return ["ip", "netns", "exec", self.names[number]]

    def cut(self, number: int) -> None:
        """Pull the cable out: connections stay open, and nothing arrives."""
        _ip("link", "set", self._links[number], "down")

    def mend(self, number: int) -> None:
        """Put the cable back."""
        _ip("link", "set", self._links[number], "up")


@contextmanager
def network(number: int) -> Iterator[Network]:
    """Create a network and remove it at the end."""
    found = Network(number)
    try:
        found.open()
        yield found
    finally:
        found.close()


def _ip(*arguments: str, check: bool = True) -> None:
    command = [shutil.which("ip", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or "ip", *arguments]
    subprocess.run(command, check=check, stderr=None if check else subprocess.DEVNULL)
