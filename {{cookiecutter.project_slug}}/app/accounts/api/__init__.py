"""JSON API for accounts: routers, and dependencies that authenticate access tokens."""
