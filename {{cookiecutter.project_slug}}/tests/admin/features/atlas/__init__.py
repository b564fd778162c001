"""A feature whose models have keys of other types than UUID."""
