"""The failures of `fireup.py prove failures`, and what they are caused in."""
