"""Packages and a client for tests of ASGI servers."""
