"""The decision store in SQL: one set of statements for SQLite and PostgreSQL."""
