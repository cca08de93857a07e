"""Programs that read figures: networkx and graphology read every network, jsonstat-validator takes every matrix."""

import json
import subprocess
import venv
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.domain.texts import xml_text
from app.http import network
from app.settings import ROOT
from tests import depth
from tests.conftest import Database
from tests.programs import program
from tests.slow.test_clients import packages, run
from tests.slow.test_wheel import PIP

pytestmark = depth.slow
__all__ = ["packages"]

CLIENTS = ROOT / "tests" / "clients"
NASTY = "Mi\x0bnistry <b>&amp; & 😀, a;b\\n “q” 'Ё'"
NETWORKS = {
    f"{of}-{actors}{'-projected' if project == 'true' else ''}": f"of={of}&actors={actors}&project={project}"
    for of, actors, project in product(("meetings", "memoranda"), ("countries", "organizations", "people"), ("true", "false"))
}
DIMENSIONS = ("country", "organization", "topic", "type", "year")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python with the packages that read figures, in an environment of its own."""
    folder = tmp_path_factory.mktemp("figures")
    venv.create(folder, with_pip=True)
    found = folder / "bin" / "python"
    subprocess.run([found, *PIP, "--require-hashes", "--requirement", CLIENTS / "figures.lock"], check=True)
    return found


@pytest.fixture
def written(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with figures of the first data set and of a body with a name that XML has to escape, made here and elsewhere."""
    database.seed()
    lines: list[dict[str, Any]] = [
        {"kind": "organization", "id": "nasty", "name": NASTY},
        {"kind": "meeting", "id": "nasty-talks", "name": NASTY, "date": "2025-03-01", "type": "talks"},
        *(
            {"kind": "participant", "meeting": "nasty-talks", "organization": each, "role": "guest"}
            for each in ("nasty", "by-mci")
        ),
    ]
    database.load(*map(json.dumps, lines))
    folder = tmp_path / "figures"
    folder.mkdir()
    monkeypatch.setattr(network, "MADE_HERE", 5)
    with database.client() as client:
        for name, query in NETWORKS.items():
            for form, suffix in (("json", "network.json"), ("graphml", "graphml"), ("gexf", "gexf")):
                answer = client.get(f"/v1/network?{query}&format={form}&lang=ru")
                assert answer.status_code == 200
                (folder / f"{name}.{suffix}").write_bytes(answer.content)
        _write_datasets(client, folder)
    return folder


def _write_datasets(client: TestClient, folder: Path) -> None:
    for of, rows, columns in product(("meetings", "memoranda", "outcomes"), DIMENSIONS, DIMENSIONS):
        if rows != columns or rows in ("country", "organization"):
            for query in ("lang=ru", "topic=cybercrime&date_from=1990-01-01"):
                answer = client.get(f"/v1/matrix?of={of}&rows={rows}&columns={columns}&format=jsonstat&{query}")
                assert answer.status_code == 200
                (folder / f"{of}-{rows}-{columns}-{query[:5]}.jsonstat.json").write_bytes(answer.content)


def wanted(path: Path, form: str) -> dict[str, Any]:
    """What a program has to see of a network."""
    told = json.loads(path.read_text(encoding="utf-8"))

    def name(text: str) -> str:
        return text if form == "json" else text.replace("\x0b", xml_text("\x0b"))

    return {
        "directed": False,
        "nodes": {each["id"]: [name(each["name"]), each["kind"], each["degree"]] for each in told["nodes"]},
        "edges": sorted([*sorted((each["source"], each["target"])), each["weight"], each["count"]] for each in told["edges"]),
    }


def test_networkx_reads_every_network_and_a_validator_takes_every_dataset(python: Path, written: Path) -> None:
    assert len(list(written.glob("*.jsonstat.json"))) == 3 * 22 * 2
    done = subprocess.run([python, CLIENTS / "read_figures.py", written], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told) == set(NETWORKS)
    for name, forms in told.items():
        for form, graph in forms.items():
            assert graph == wanted(written / f"{name}.network.json", form), (name, form)
    assert sum(len(forms["json"]["edges"]) for forms in told.values()) > 90
    assert any("Mi" in nodes[0] for nodes in told["meetings-organizations-projected"]["gexf"]["nodes"].values())


def test_graphology_reads_every_network(packages: Path, written: Path) -> None:
    done = run(program("node"), str(packages / "read_graphs.js"), str(written), start=packages)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told) == set(NETWORKS)
    for name, forms in told.items():
        assert set(forms) == {"graphml", "gexf"}
        for form, graph in forms.items():
            graph["edges"].sort()
            assert graph == wanted(written / f"{name}.network.json", form), (name, form)
