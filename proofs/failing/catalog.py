"""All failures, in the order of the table."""

import json

from proofs.failing import databases, failover, processes, releases, surroundings
from proofs.failing.failure import Failure


def all_failures() -> list[Failure]:
    """Return them; those with equal stacks are next to each other."""
    found = [
        *databases.FAILURES,
        *failover.FAILURES,
        *surroundings.FAILURES,
        *processes.ON_POSTGRESQL,
        *processes.ON_SQLITE,
        *releases.FAILURES,
    ]
    stacks = list(dict.fromkeys(failure.stack for failure in found))
    return sorted(found, key=lambda failure: stacks.index(failure.stack))


if __name__ == "__main__":
    names = ("name", "slug", "cause", "remedy")
    print(json.dumps([{name: getattr(one, name) for name in names} for one in all_failures()]))
