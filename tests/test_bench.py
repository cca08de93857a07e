"""The benches' data can be made, and is what the product itself would have written; the product's twins show what it shows."""

import ast
from pathlib import Path

import pytest

from app.declaration.model import Part
from app.declaration.resource import Resource
from app.reading.shapes import field_plans
from app.resources.citation import CITATION
from app.resources.meeting import MEETING
from app.resources.participant import PARTICIPANT
from app.settings import ROOT
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


# The twins need packages that only the bench's own environment has, so their sources are read here, not imported.


def _source(module: str) -> ast.Module:
    return ast.parse((ROOT / "bench" / f"{module}.py").read_text(encoding="utf-8"))


def _written_by_hand() -> dict[str, set[str]]:
    """The words of each text, and the keys of each dictionary, that the hand-written SQL of `limit` is made of."""
    found = {}
    for statement in _source("limit").body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                found[name] = set(text.split())
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(keys=keys)):
                found[name] = {str(key.value) for key in keys if isinstance(key, ast.Constant)}
    return found


def _shown_by_the_orm(model: str) -> set[str]:
    """The fields of a response model of `orm`, those that it inherits included."""
    classes = {each.name: each for each in _source("orm").body if isinstance(each, ast.ClassDef)}
    if model not in classes:
        return set()
    own = {
        each.target.id for each in classes[model].body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }
    return own.union(*(_shown_by_the_orm(base.id) for base in classes[model].bases if isinstance(base, ast.Name)))


def _shown(resource: Resource, *, parts: bool) -> set[str]:
    """The fields that the product shows."""
    return {plan.name for plan in field_plans(resource) if parts or not isinstance(plan.source, Part)}


@pytest.mark.parametrize(
    ("resource", "parts", "by_hand", "model"),
    [
        (MEETING, False, ("OF_MEETINGS",), "MeetingShown"),
        (MEETING, True, ("OF_MEETINGS", "PARTS"), "MeetingRecord"),
        (PARTICIPANT, False, ("OF_PARTICIPANTS",), "ParticipantShown"),
        (CITATION, False, ("OF_CITATIONS",), "CitationShown"),
    ],
    ids=["meetings", "one meeting", "participants", "citations"],
)
def test_the_twins_show_the_fields_of_the_product(
    resource: Resource, by_hand: tuple[str, ...], model: str, *, parts: bool
) -> None:
    written = _written_by_hand()
    shown = _shown(resource, parts=parts)
    assert {"kind"}.union(written["OWN"], *(written[name] for name in by_hand)) == shown
    assert _shown_by_the_orm(model) == shown
