"""What an operator runs: checks of the whole registry, and of its citations against their documents."""
