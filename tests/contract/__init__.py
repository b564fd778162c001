"""What runs inside of Schemathesis."""
