"""How records are written: operations, the write queue, the change log, projections.

The code works from the declarations of the resources. It names only the kinds with special rules: citations, which are written
together with the records that they support; organizations, whose involvements count for their parent organizations, too; and
countries, whose ids are their codes.
"""
