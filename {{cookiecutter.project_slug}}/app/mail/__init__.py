"""Emails, which are sent by jobs."""
