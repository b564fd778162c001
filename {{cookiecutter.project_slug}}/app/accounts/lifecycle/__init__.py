"""Account lifecycle: sign-up, verification, password reset, email change, deletion."""
