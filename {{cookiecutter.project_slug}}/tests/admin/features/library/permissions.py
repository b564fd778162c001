"""Permissions for the library."""

from app.accounts.permissions import BasePermission


class LibraryPermission(BasePermission):
    """Permissions for the library."""

    EDIT = "library:edit", "Change the library"
