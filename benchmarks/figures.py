"""Measurements, and figures derived from them."""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple


class Burst(NamedTuple):
    """Measurement of a server under load for a second."""

    rate: float
    """Requests per second."""
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """CPU time per request, in microseconds."""


class Pair(NamedTuple):
    """A burst and the burst of the reference immediately before or after it."""

    own: Burst
    reference: Burst


@dataclass
class Found:
    """Measurements of one contestant."""

    cold_start: float
    """Seconds from its start to its first response."""
    memory_mib: float = 0
    """Memory of its largest process, after the load."""
    pairs: defaultdict[str, list[Pair]] = field(default_factory=lambda: defaultdict(list))
    """By name of the workload."""

    def ratio(self, workload: str) -> float:
        """Return its requests per second as a multiple of the reference."""
        return median(self.ratios(workload))

    def ratios(self, workload: str) -> list[float]:
        """Return the ratio of each pair, smallest first."""
        pairs = self.pairs[workload]
        return sorted(pair.own.rate / pair.reference.rate for pair in pairs)

    def rate(self, workload: str) -> float:
        """Return its requests per second."""
        return median(pair.own.rate for pair in self.pairs[workload])

    def best(self, workload: str) -> Burst:
        """Return its fastest burst, the one least disturbed by other processes."""
        return max(pair.own for pair in self.pairs[workload])

    def cpu_us(self, workload: str) -> float:
        """Return the CPU time per request, in microseconds."""
        return median(pair.own.cpu_us for pair in self.pairs[workload])

    def tail(self, workload: str) -> float:
        """Return the ratio of the 99th percentile to the median."""
        return median(pair.own.p99_ms / pair.own.p50_ms for pair in self.pairs[workload])
