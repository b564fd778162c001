"""Hooks for Schemathesis."""
