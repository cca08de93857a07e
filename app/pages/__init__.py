"""Pages for people who have a browser. Each is a view of answers of the API, so a page and its JSON name the same records."""
