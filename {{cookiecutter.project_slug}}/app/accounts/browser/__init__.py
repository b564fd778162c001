"""Accounts in a browser: the session cookie, CSRF protection, and the dependencies of pages."""
