"""How the registry is written: units of work, the change log, projections. It knows no noun but what all records have."""
