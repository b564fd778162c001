"""No view."""

views: list[type] = []
