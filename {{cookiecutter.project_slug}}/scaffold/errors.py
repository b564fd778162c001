"""Errors of commands, and suggestions."""

import difflib
from collections.abc import Iterable


class ScaffoldError(ValueError):
    """The command can't be carried out; nothing was changed."""

    def __init__(self, messages: Iterable[str]) -> None:
        self.messages = list(dict.fromkeys(messages))
        super().__init__("\n".join(self.messages))


def nearest(word: str, options: Iterable[str]) -> str:
    """Suggest the closest option, or list all."""
    known = list(options)
    close = difflib.get_close_matches(word, known, 1)
    return f"did you mean {close[0]}?" if close else f"choose from {', '.join(known)}"
