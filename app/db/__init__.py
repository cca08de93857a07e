"""What differs between the two databases: engines, drivers, types, JSON, errors, changes of the schema."""
