"""Admin views of users, sessions, roles, events and mails."""
