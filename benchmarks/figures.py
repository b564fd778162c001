"""What was measured, and what follows from it."""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple


class Burst(NamedTuple):
    """What a server did in a second."""

    rate: float
    """Requests in a second."""
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """Microseconds of its processors for one request."""


class Pair(NamedTuple):
    """A burst, and one of the reference right before or after it."""

    own: Burst
    reference: Burst


@dataclass
class Found:
    """What was found about one contestant."""

    cold_start: float
    """Seconds from its start to its first answer."""
    memory_mib: float = 0
    """Of its largest process, after the load."""
    pairs: defaultdict[str, list[Pair]] = field(default_factory=lambda: defaultdict(list))
    """By the name of the workload."""

    def ratio(self, workload: str) -> float:
        """Return how many requests it serves while the reference serves one."""
        return median(self.ratios(workload))

    def ratios(self, workload: str) -> list[float]:
        """Return that of each pair, smallest first."""
        pairs = self.pairs[workload]
        return sorted(pair.own.rate / pair.reference.rate for pair in pairs)

    def best(self, workload: str) -> Burst:
        """Return its quickest burst, which others on the machine disturbed the least."""
        return max(pair.own for pair in self.pairs[workload])

    def cpu_us(self, workload: str) -> float:
        """Return what a request costs its processors."""
        return median(pair.own.cpu_us for pair in self.pairs[workload])

    def tail(self, workload: str) -> float:
        """Return how much longer than half of the requests take the slowest of a hundred does."""
        return median(pair.own.p99_ms / pair.own.p50_ms for pair in self.pairs[workload])
