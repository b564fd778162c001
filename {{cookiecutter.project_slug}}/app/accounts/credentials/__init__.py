"""Credentials: passwords, access and refresh tokens, one-time tokens."""
