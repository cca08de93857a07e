"""Builds the OpenAPI document from the same declarations that the endpoints use."""
