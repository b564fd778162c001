"""Notes as `app new resource` generates them, with a body and a title that is unique per owner."""
