"""Keys for programs, limited to some scopes, in place of a password. Delete the folder to do without."""
