"""The database: engine and sessions, base classes, column types, integrity checks, migrations."""
