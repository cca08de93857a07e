"""The wheel, as whoever installs it has it: in an environment of its own, away from the checkout."""

import json
import os
import re
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
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of whoever installed it."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def elsewhere(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and an environment that does not lead back to the checkout."""
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(home))
    for name in [each for each in os.environ if each.startswith(("RAPPORTEUR_", "PYTHON"))]:
        monkeypatch.delenv(name)
    return tmp_path


def place(home: Path) -> Path:
    """Where an installed package keeps its database."""
    return home / ".local" / "share" / "rapporteur" / "rapporteur.db"


def run(command: Path, *words: str, start: Path) -> subprocess.CompletedProcess[str]:
    """Run `rapporteur` as it is installed."""
    return subprocess.run([command / "rapporteur", *words], cwd=start, capture_output=True, text=True, check=False)


def test_the_wheel_holds_the_program_the_migrations_the_data_set_and_the_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"app/_migrations/versions/{path.name}" for path in (ROOT / "migrations" / "versions").glob("*.py")} <= names
    assert {f"app/_seed/{path.name}" for path in SEED.glob("*.ndjson")} <= names
    assert f"rapporteur-{__version__}.dist-info/licenses/LICENSE" in names
    assert {name.partition("/")[0] for name in names} == {"app", f"rapporteur-{__version__}.dist-info"}


def test_it_says_its_version_and_what_to_type_where_there_is_nothing(installed: Path, elsewhere: Path, home: Path) -> None:
    assert run(installed, "--version", start=elsewhere).stdout == f"rapporteur, version {__version__}\n"
    refused = run(installed, "serve", start=elsewhere)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Error: there is no registry at {place(home)} yet. Type:\n  rapporteur migrate ")
    assert list(elsewhere.iterdir()) == list(home.iterdir()) == []


def test_what_it_says_to_type_does_it(installed: Path, elsewhere: Path, home: Path) -> None:
    for words in (("migrate",), ("import", "--demo"), ("keys", "create", "somebody")):
        done = run(installed, *words, start=elsewhere)
        assert done.returncode == 0, done.stderr
    assert place(home).is_file()
    exported = run(installed, "export", "-", start=home).stdout.splitlines()  # the registry is found from any folder
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


def test_the_way_without_make_is_as_the_readme_says(elsewhere: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"Without make.*?```sh\n(git clone ADDRESS.*?)```", readme, re.DOTALL)
    *steps, serve = commands.replace("ADDRESS", str(ROOT)).splitlines()
    subprocess.run(["sh", "-ec", "\n".join(steps)], cwd=elsewhere, check=True)
    checkout = elsewhere / "rapporteur"
    command = serve.split()
    assert command == [".venv/bin/rapporteur", "serve", "--demo"]
    default = f"sqlite:///{checkout}/var/rapporteur.db"
    with (
        started(default, [str(checkout / command[0]), *command[1:]], checkout, {}) as server,
        urllib.request.urlopen(f"{server}/v1/search?q=Zalessky") as answer,
    ):
        assert json.load(answer)["data"][0]["id"] == "kirill-zalessky"
    assert run(checkout / ".venv" / "bin", "check", start=elsewhere).returncode == 0, "the default is that of the checkout"
