"""What the two processes of a proof tell each other."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """What to do."""

    port: int
    pid: int
    """Process of the app."""
    url: str
    """Database of the app, as the owner of its tables."""
    server: str
    """PostgreSQL's URL of the user `test`; empty for SQLite."""
    next_version: str
    """Folder of a copy of the project, to which migrations are added."""
    seconds: float
    people: int
    pool_size: int


@dataclass
class Found:
    """What happened."""

    seconds: float = 0
    statuses: dict[str, int] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)
    cut: int = 0
    races: list[int] = field(default_factory=list)
    """Increments that were acknowledged, lost to another one, and unknown."""
    disturbances: dict[str, int] = field(default_factory=dict)
    connections: dict[str, int] = field(default_factory=dict)
    memory_mib: list[float] = field(default_factory=list)
    open_files: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
