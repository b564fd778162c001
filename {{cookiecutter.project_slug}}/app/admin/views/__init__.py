"""Admin views of users, sessions, roles, events and emails."""
