"""Pages for people: rendering, sign-in, and the shell that features' pages stand in."""

from fastapi import FastAPI


def mount(app: FastAPI) -> None:
    """Serve the pages."""
