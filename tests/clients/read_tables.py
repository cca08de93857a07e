"""Reads every CSV of a folder with pandas, Polars and DuckDB, as docs/clients.md says, and prints what they see as JSON."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl

Table = tuple[Sequence[str], Iterable[Sequence[Any]]]


def with_pandas(path: str) -> Table:
    """The lines for pandas."""
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    return list(table.columns), table.astype(object).where(table.notna(), None).to_numpy().tolist()


def with_pandas_as_it_is(path: str) -> Table:
    """As pandas reads if nothing is said: `NA` is missing."""
    table = pd.read_csv(path)
    return list(table.columns), table.astype(object).where(table.notna(), None).to_numpy().tolist()


def with_polars(path: str) -> Table:
    """The lines for Polars."""
    table = pl.read_csv(path, infer_schema_length=None)
    return table.columns, table.rows()


def with_duckdb(path: str) -> Table:
    """The lines for DuckDB."""
    table = duckdb.sql(f"FROM read_csv('{path}', header = true, sample_size = -1)")
    return table.columns, table.fetchall()


READERS: dict[str, Callable[[str], Table]] = {
    "pandas": with_pandas,
    "pandas as it is": with_pandas_as_it_is,
    "polars": with_polars,
    "duckdb": with_duckdb,
}


def codes(path: str) -> dict[str, list[Any]]:
    """The numeric codes of countries as each tool reads them if it is told that they are texts."""
    return {
        "pandas": pd.read_csv(path, dtype={"numeric": str}, na_filter=False)["numeric"].tolist(),
        "polars": pl.read_csv(path, schema_overrides={"numeric": pl.String})["numeric"].to_list(),
        "duckdb": [row[0] for row in duckdb.sql(CODES.replace("PATH", path)).fetchall()],
    }


CODES = "SELECT \"numeric\" FROM read_csv('PATH', types = {'numeric': 'VARCHAR'})"

if __name__ == "__main__":
    seen: dict[str, dict[str, Any]] = {}
    for path in sorted(Path(sys.argv[1]).glob("*.csv")):
        for name, read in READERS.items():
            columns, rows = read(str(path))
            texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
            seen.setdefault(name, {})[path.stem] = {"columns": list(columns), "rows": texts}
    print(json.dumps({**seen, "codes": codes(str(Path(sys.argv[1], "countries.csv")))}))
