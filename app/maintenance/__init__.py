"""Checks that an operator runs: of the whole registry, and of its citations against their documents."""
