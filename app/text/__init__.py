"""Words in any script: how texts and queries are analyzed, and the terms by which both meet."""
