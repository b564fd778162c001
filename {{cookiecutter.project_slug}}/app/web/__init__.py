"""Pages for people: rendering, sign-in, and the shell that features' pages stand in."""
