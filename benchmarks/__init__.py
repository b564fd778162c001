"""Measurements of generated projects, run by hand."""
