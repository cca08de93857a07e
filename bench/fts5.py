"""What everybody writes to search: FastAPI and bm25() over FTS5 of the bare text, or ts_rank over the product's tsvectors."""

import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg_pool
from fastapi import FastAPI

from app.text.nodes import TSQUERY, all_of
from app.text.query import parsed

URL = os.environ["BENCH_URL"]
"""A file of SQLite, or the URL of a Postgres database."""
FTS5 = """SELECT texts.id, texts.name, texts.date, snippet(texts_index, -1, '<mark>', '</mark>', '…', 30)
    FROM texts_index JOIN texts ON texts.docid = texts_index.rowid
    WHERE texts_index MATCH ? ORDER BY bm25(texts_index) LIMIT 20"""
TS_RANK = """SELECT records.id, records.name, search_entries.date, search_entries.words
    FROM search_entries JOIN records ON records.id = search_entries.record_id, CAST(%s AS tsquery) AS query
    WHERE search_entries.terms @@ query ORDER BY ts_rank(search_entries.terms, query) DESC LIMIT 20"""
NAMES = ("id", "name", "date", "snippet")
own = threading.local()
pool = psycopg_pool.AsyncConnectionPool(
    URL if URL.startswith("postgresql") else "", open=False, kwargs={"options": "-c jit=off", "prepare_threshold": 0}
)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Open the pool."""
    if URL.startswith("postgresql"):
        await pool.open()
    yield
    await pool.close()


app = FastAPI(lifespan=lifespan)


@app.get("/fts5")
def by_fts5(q: str) -> dict[str, Any]:
    """The best twenty that have all words as they are typed."""
    connection = getattr(own, "connection", None)
    if connection is None:
        connection = own.connection = sqlite3.connect(f"file:{URL}?mode=ro", uri=True)
        connection.execute("PRAGMA mmap_size = 1073741824")
    typed = " ".join(f'"{word}"' for word in q.replace('"', " ").split())
    return {"data": [dict(zip(NAMES, row, strict=True)) for row in connection.execute(FTS5, (typed,))]}


@app.get("/ts_rank")
async def by_ts_rank(q: str) -> dict[str, Any]:
    """The best twenty that have all words in any spelling."""
    query = TSQUERY.write(all_of(slot.anywhere() for slot in parsed(q).slots))
    async with pool.connection() as connection:
        cursor = await connection.execute(TS_RANK, (query,))
        return {"data": [dict(zip(NAMES, row, strict=True)) for row in await cursor.fetchall()]}
