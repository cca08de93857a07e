"""Finding records by what somebody types: what a word is, in any script, and the index that both databases keep alike."""
