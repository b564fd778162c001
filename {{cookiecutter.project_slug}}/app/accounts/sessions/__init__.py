"""Sessions: sign in and out, authenticate requests, limit attempts, revoke."""
