"""A second factor: codes of an authenticator app, and recovery codes. Delete the folder to do without."""
