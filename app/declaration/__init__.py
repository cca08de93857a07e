"""The language in which resources are declared: fields, filters, sorts, includes, roles. Everything else derives from it."""
