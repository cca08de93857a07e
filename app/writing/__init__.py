"""How records are written: operations, the write queue, the change log, projections. The code names no kind of record."""
