"""Reads records: compiles a resource's declaration to a SELECT that returns JSON. The code here depends on no specific kind."""
