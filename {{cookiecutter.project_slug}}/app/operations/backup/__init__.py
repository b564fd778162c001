"""Backups of the database and the uploaded files: `app backup`, `app restore` and a daily job."""
