"""Where the web part is mounted."""

from fastapi import FastAPI


def mount(app: FastAPI) -> None:
    """Serve the pages."""
