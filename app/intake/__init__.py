"""Helps keepers to enter documents: takes texts apart, finds what they name, and proves quotes."""
