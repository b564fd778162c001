"""Sessions: sign-in and sign-out, request authentication, rate limits and revocation."""
