"""How records are written: operations, the write queue, the change log, projections.

Everything follows from what the resources declare. Only kinds with rules of their own are named here: citations, which are
written with the records that they support; organizations, whose parts count for their parents; countries, whose ids are codes.
"""
