"""A public blogging API, at addresses and in JSON that existing clients expect."""
