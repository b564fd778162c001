"""Jobs in the admin. To remove them, delete this folder."""
