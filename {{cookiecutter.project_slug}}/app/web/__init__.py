"""Web pages: rendering, sign-in, account pages and the layout of feature pages."""
