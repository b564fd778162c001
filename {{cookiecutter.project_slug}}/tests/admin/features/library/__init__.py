"""A feature with models and without admin views."""
