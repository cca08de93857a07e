"""Documents of very long words or texts are to be made anew, and those of words with marks that stand by themselves.

Of a word 64 letters count, of a record's texts 20,000 are repeated, and a mark no longer ends a word.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OTHERWISE = re.compile("[^\\W_](?:[^\\W_]|['’ʼʻ‘`]){64}|[\u0300-\u036f]")
LETTERS = 20_000
PAGE = 1_000


def upgrade() -> None:
    """Take all documents away where one of them differs: `rapporteur migrate` then makes them anew."""
    documents = sa.table("documents", sa.column("docid"), sa.column("words"))
    page = sa.select(documents.c.docid, documents.c.words).order_by(documents.c.docid).limit(PAGE)
    after = -1
    while rows := op.get_bind().execute(page.where(documents.c.docid > after)).all():
        if any(len(words) > LETTERS or OTHERWISE.search(words) for _, words in rows):
            op.execute("DELETE FROM documents")
            if op.get_bind().dialect.name == "sqlite":
                op.execute("INSERT INTO documents_index (documents_index) VALUES ('delete-all')")
            return
        after = rows[-1][0]


def downgrade() -> None:
    """Nothing to undo: the schema is the same."""
