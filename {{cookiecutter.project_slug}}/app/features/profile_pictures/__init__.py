"""Profile pictures. Optional: delete the package to remove the feature."""
