"""No views, not even default ones."""

views: list[type] = []
