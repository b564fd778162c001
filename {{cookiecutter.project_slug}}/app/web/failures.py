"""What the error page shows about an unexpected exception in development."""

import linecache
from pathlib import Path
from traceback import extract_tb, format_exception_only
from typing import NamedTuple

_ROOT = Path(__file__).parents[2]
_LINES = 3  # before and after the line that failed
_MAX_LENGTH = 5_000


class SourceLine(NamedTuple):
    """A line of source code."""

    number: int
    text: str
    failed: bool


class Failure(NamedTuple):
    """An exception, and the last place in the project's own code that it passed through."""

    error: str
    """Type and message, as at the end of a traceback."""
    place: str
    """File and line, such as `app/features/notes/service.py:42`; empty if no frame is the project's."""
    function: str
    lines: list[SourceLine]


def describe_failure(error: Exception) -> Failure:
    """Describe an exception."""
    # An exception may fail to format itself, or have a text that can't be sent.
    message = "".join(format_exception_only(error)).strip()[:_MAX_LENGTH].encode(errors="backslashreplace").decode()
    own = [frame for frame in extract_tb(error.__traceback__) if _is_own(Path(frame.filename))]
    if not own:
        return Failure(message, "", "", [])
    file, line, function, _ = own[-1]
    number = line or 1
    shown = range(max(1, number - _LINES), number + _LINES + 1)
    lines = [SourceLine(item, linecache.getline(file, item).rstrip(), item == number) for item in shown]
    return Failure(message, f"{Path(file).relative_to(_ROOT).as_posix()}:{number}", function, lines)


def _is_own(file: Path) -> bool:
    """Return whether a file belongs to the project, not to a library in its virtual environment."""
    return file.is_relative_to(_ROOT) and "site-packages" not in file.parts
