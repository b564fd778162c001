"""User accounts: authentication, sessions and permissions."""
