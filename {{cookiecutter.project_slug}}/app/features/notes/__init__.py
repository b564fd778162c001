"""Notes: the example of how a feature is written. Copy it, or delete it with its migration and its tests."""
