"""Text analysis in any script: splits texts and queries into words, and builds the terms that are indexed and searched."""
