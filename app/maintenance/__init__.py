"""The checks behind two commands of the operator.

`check` checks the whole registry, and `verify` compares the quotes of citations with the source documents.
"""
