"""No views: the admin shows on a user's page whether two-factor authentication is on."""

views: list[type] = []
