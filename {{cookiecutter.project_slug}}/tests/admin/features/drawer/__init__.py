"""A feature whose `admin.py` hides it."""
