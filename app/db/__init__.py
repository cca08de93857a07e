"""All that the two databases disagree on: engines, types, JSON, collation, integrity errors."""
