"""Mails: posted into an outbox within a transaction, sent after it."""
