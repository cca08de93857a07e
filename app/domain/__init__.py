"""What is true without a database: vocabularies, dates, the order of text."""
