"""Notes as `app new resource` writes them: title, unique for each owner, and body."""
