"""The wheel, as whoever installs it has it: in an environment of its own, away from the checkout."""

import json
import os
import subprocess
import sys
import urllib.request
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app import __version__
from app.settings import ROOT
from tests import depth
from tests.conftest import SEED
from tests.serving import started

pytestmark = depth.slow


PIP = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--only-binary", ":all:")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    subprocess.run([sys.executable, *command], check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of an environment that holds the wheel and what it needs, pinned."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, *PIP, "--require-hashes", "--requirement", ROOT / "requirements.lock"], check=True)
    subprocess.run([python, *PIP, "--no-deps", wheel], check=True)
    return folder / "bin"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and an environment that does not lead back to the checkout."""
    for name in [each for each in os.environ if each.startswith(("RAPPORTEUR_", "PYTHON"))]:
        monkeypatch.delenv(name)
    return tmp_path


def run(command: Path, *words: str, start: Path) -> subprocess.CompletedProcess[str]:
    """Run `rapporteur` as it is installed."""
    return subprocess.run([command / "rapporteur", *words], cwd=start, capture_output=True, text=True, check=False)


def test_the_wheel_holds_the_program_the_migrations_the_data_set_and_the_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"app/_migrations/versions/{path.name}" for path in (ROOT / "migrations" / "versions").glob("*.py")} <= names
    assert {f"app/_seed/{path.name}" for path in SEED.glob("*.ndjson")} <= names
    assert f"rapporteur-{__version__}.dist-info/licenses/LICENSE" in names
    assert {name.partition("/")[0] for name in names} == {"app", f"rapporteur-{__version__}.dist-info"}


def test_it_says_its_version_and_what_to_type_where_there_is_nothing(installed: Path, elsewhere: Path) -> None:
    assert run(installed, "--version", start=elsewhere).stdout == f"rapporteur, version {__version__}\n"
    refused = run(installed, "serve", start=elsewhere)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: there is no registry at var/rapporteur.db yet. Type:\n  rapporteur migrate ")
    assert list(elsewhere.iterdir()) == []


def test_what_it_says_to_type_does_it(installed: Path, elsewhere: Path) -> None:
    for words in (("migrate",), ("import", "--demo"), ("keys", "create", "somebody")):
        done = run(installed, *words, start=elsewhere)
        assert done.returncode == 0, done.stderr
    exported = run(installed, "export", "-", start=elsewhere).stdout.splitlines()
    assert sorted(exported) == sorted(line for path in SEED.glob("*.ndjson") for line in path.read_text("utf-8").splitlines())
    assert run(installed, "check", start=elsewhere).returncode == 0


def test_serve_demo_makes_all_that_is_missing_and_serves_it(installed: Path, elsewhere: Path) -> None:
    def answer(path: str) -> Any:
        with urllib.request.urlopen(server + path) as response:
            return json.load(response)

    url = "sqlite:///registry/some.db"
    for is_again in (False, True):
        with started(url, [str(installed / "rapporteur"), "serve", "--demo"], elsewhere, {}) as server:
            assert answer("/v1/search?q=Zalessky")["data"][0]["id"] == "kirill-zalessky"
            assert answer("/openapi.json")["info"]["version"] == __version__
            with urllib.request.urlopen(f"{server}/docs") as page:
                assert "<title>Rapporteur" in page.read().decode()
            said = server.log.read_text(encoding="utf-8")
        printed = [line for line in said.splitlines() if line.startswith("rap_")]
        assert len(printed) == (0 if is_again else 1)
    assert (elsewhere / "registry" / "some.db").is_file()
