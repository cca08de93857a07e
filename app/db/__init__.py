"""The code that differs between SQLite and Postgres: engines, drivers, column types, JSON, errors, schema changes."""
