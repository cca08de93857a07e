"""Code that does not depend on a database: vocabularies, dates, sort keys of text, language tags."""
