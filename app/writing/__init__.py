"""How records are written: operations, the write queue, the change log, projections.

The code reads the declarations of the resources, so it works for every kind of record. It names only the kinds that have
special rules: citations, which are written together with the records that they support; organizations, whose involvements
also count for their parent organizations; and countries, whose ids are their country codes.
"""
