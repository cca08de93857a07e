"""How records are read: declaration → SELECT → JSON. The code names no kind of record."""
