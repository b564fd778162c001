"""Checks of the installation: `app doctor`, and a page of the admin.

To add a check, write a function that returns findings and add it to `CHECKS` in `checks.py`.
"""
