"""The OpenAPI document, built from the same declarations that the endpoints use."""
