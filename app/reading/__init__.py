"""How the registry is read: read model, to SELECT, to JSON. It knows no noun."""
