"""Search: writes the search index, finds and ranks records, counts facets, and suggests names while a user types."""
