"""API keys with limited permissions. Optional: delete the package to remove the feature."""
