"""The data that the benches measure with can be made, and is what the product itself would have written."""

from pathlib import Path

from bench import data, servers
from tests.conftest import Database


def test_the_data_of_the_bench_is_sound(tmp_path: Path) -> None:
    path = data.database(tmp_path, 60)
    url = f"sqlite:///{path}"
    servers.indexed(url)
    database = Database(url)
    assert database.execute("SELECT count(*) FROM meetings") == [(60,)]
    assert database.disagreements() == []
    database.engine.dispose()
