"""Browser sessions: session cookies, CSRF protection and page dependencies."""
