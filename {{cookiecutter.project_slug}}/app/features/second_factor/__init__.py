"""Two-factor authentication: TOTP and recovery codes. Optional: delete the package to remove the feature."""
