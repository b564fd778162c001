"""Accounts as a JSON API: routers, and the dependencies that authenticate access tokens."""
