"""One suite, run on SQLite and on Postgres."""
