"""The life of an account: sign-up, verification, password reset, change of email, deletion."""
