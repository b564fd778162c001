"""Email with a transactional outbox."""
