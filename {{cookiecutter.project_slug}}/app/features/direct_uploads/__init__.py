"""Uploads to a cloud store, past this server. Optional: delete the package to remove the feature."""
