"""The project's tests; `python3 dev.py test` runs them."""
