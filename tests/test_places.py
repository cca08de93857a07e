"""Cities, publishers and regions are found however they are spelled; what took place in several places is found by each."""

import json
import time
from typing import Any

import pytest
from alembic import command
from hypothesis import given
from hypothesis import strategies as st

from app.db.schema import alembic_config
from app.domain.collation import spelling_key
from app.errors import OperatorError
from tests.conftest import run_command
from tests.test_naming import ids
from tests.test_writing import Clerk, clerk_of, refused

Content = dict[str, Any]
WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "CH", "alpha_3": "CHE", "numeric": "756", "name": "Switzerland", "region": "Europe"},
    {"kind": "country", "id": "CI", "alpha_3": "CIV", "numeric": "384", "name": "Côte d’Ivoire", "subregion": "Western Africa"},
    {"kind": "source", "id": "page", "title": "A page", "publisher": "UzA", "language": "zh-Hans-CN"},
    {
        "kind": "memorandum",
        "id": "letters",
        "name": "Exchange of letters",
        "date": "2020-05-01/2020-06-01",
        "city": "Genève",
        "country": "CH",
        "also_in": [{"city": "Saint-Pétersbourg"}, {"city": "Yamoussoukro", "country": "CI"}],
    },
    {"kind": "memorandum", "id": "paper", "name": "Paper", "date": "2021", "city": "GENEVE"},
    {"kind": "meeting", "id": "talks", "name": "Talks", "city": "Nur-Sultan", "also_in": [{"city": "Geneve"}]},
)

clerk = clerk_of(*WORLD)


@pytest.mark.parametrize(
    ("asked_for", "found"),
    [
        ("memoranda?city=geneve", ["paper", "letters"]),
        ("memoranda?city=GENÈVE&sort=date", ["letters", "paper"]),
        ("memoranda?city=st-petersburg", []),
        ("memoranda?city=saint%20petersbourg", ["letters"]),
        ("memoranda?city=yamoussoukro&city=nowhere", ["letters"]),
        ("memoranda?city=geneve&limit=1", ["paper"]),
        ("meetings?city=nur%20sultan", ["talks"]),
        ("meetings?city=Genève", ["talks"]),
        ("sources?publisher=uza", ["page"]),
        ("sources?language=ZH-hans-cn", ["page"]),
        ("countries?region=europe", ["CH"]),
        ("countries?subregion=western%20africa", ["CI"]),
        ("search?q=Yamoussoukro&kind=memorandum", ["letters"]),
        ("search?country=CI&kind=memorandum", ["letters"]),
    ],
)
def test_a_place_is_found_however_it_is_spelled(clerk: Clerk, asked_for: str, found: list[str]) -> None:
    assert ids(clerk.get(asked_for)) == found


def test_further_places_are_written_shown_exported_and_kept_from_deletion(clerk: Clerk) -> None:
    shown = clerk.read("memoranda/letters")["also_in"]
    assert shown == [
        {"city": "Saint-Pétersbourg", "country": None},
        {"city": "Yamoussoukro", "country": {"id": "CI", "name": "Côte d’Ivoire"}},
    ]
    assert clerk.read("memoranda/letters?lang=en&fields=also_in")["also_in"] == shown
    exported = next(json.loads(line) for line in clerk.client.get("/v1/export").text.splitlines() if '"letters"' in line)
    assert exported["also_in"] == WORLD[3]["also_in"]
    refused(clerk.delete("countries/CI"), 409, "still_referenced")
    assert clerk.patch("memoranda/letters", {"also_in": [{"country": "CI"}]}).status_code == 422
    assert clerk.patch("memoranda/letters", {"also_in": [{"city": "Minsk"}, {"city": "Minsk"}]}).status_code == 200
    assert clerk.read("memoranda/letters")["also_in"] == [{"city": "Minsk", "country": None}]
    assert ids(clerk.get("memoranda?city=yamoussoukro")) == []
    assert ids(clerk.get("memoranda?city=MINSK")) == ["letters"]


@given(st.text())
def test_the_key_of_a_spelling_is_the_key_of_its_other_cases(text: str) -> None:
    assert spelling_key(text.upper()) == spelling_key(text.upper().lower().upper())
    assert spelling_key(f" {spelling_key(text)} ") == spelling_key(text)


def test_the_schema_goes_back_only_without_further_places(clerk: Clerk) -> None:
    database = clerk.database

    def back() -> None:
        command.downgrade(alembic_config(database.url), "0018")

    with pytest.raises(OperatorError, match="takes one place of a meeting or an instrument: letters, talks"):
        back()
    for record in ("memoranda/letters", "meetings/talks"):
        clerk.patch(record, {"also_in": None})
    back()
    assert run_command("migrate", url=database.url).returncode == 0
    while clerk.client.get("/readyz").status_code == 503:  # it has seen that the schema was another one
        time.sleep(0.1)
    assert ids(clerk.get("memoranda?city=geneve")) == ["paper", "letters"]
    assert database.disagreements() == []
