"""The HTTP layer: routes derived from resources, problems, the OpenAPI document, the docs page."""
