"""Metrics for Prometheus, at `/metrics` if METRICS_TOKEN is set."""
