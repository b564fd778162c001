"""A feature whose `admin.py` has no views."""
