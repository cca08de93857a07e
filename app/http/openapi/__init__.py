"""The OpenAPI document, built from the declarations that the operations themselves read."""
