"""What the first data set promises: its form, its evidence, and no more of a document than it takes to find a passage."""

import importlib.util
import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter

from app.declaration.model import Id
from app.declaration.resource import Resource
from app.reading.shapes import field_plans
from app.resources import RESOURCES
from app.text.quotes import QUOTE_WORDS
from tests.conftest import SEED

LANGUAGES = ("en", "ru", "be", "uz", "kk", "zh", "ar", "tr", "az", "ky", "fr", "es")
UNCITED = {"country", "topic", "source", "citation"}
each_resource = pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.plural)
BY_KIND = {resource.kind.value: resource for resource in RESOURCES}


def records(plural: str) -> list[dict[str, Any]]:
    """The records of one file."""
    return [json.loads(line) for line in (SEED / f"{plural}.ndjson").read_text(encoding="utf-8").splitlines()]


def everything() -> Iterator[dict[str, Any]]:
    """All records of all files."""
    for resource in RESOURCES:
        yield from records(resource.plural)


def folded(text: str) -> str:
    """White space, no-break spaces too, made one blank."""
    return " ".join(text.split())


def recipe() -> ModuleType:
    """The script that makes the countries."""
    spec = importlib.util.spec_from_file_location("make_countries", SEED / "make_countries.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_a_file_for_every_kind_and_no_other() -> None:
    assert {path.name for path in SEED.glob("*.ndjson")} == {f"{resource.plural}.ndjson" for resource in RESOURCES}


def test_the_countries_are_what_the_recipe_makes() -> None:
    written = (SEED / "countries.ndjson").read_text(encoding="utf-8")
    assert written == "".join(f"{line}\n" for line in recipe().lines())


def test_every_country_of_iso_3166_has_a_name_in_every_language_of_the_region() -> None:
    countries = [country for country in records("countries") if len(country["id"]) == 2]
    assert len(countries) == len({country["id"] for country in countries}) == 249
    for country in countries:
        named = {name["language"] for name in country["names"] if name["type"] == "short"}
        assert named.issuperset(LANGUAGES), country["id"]
        assert re.fullmatch(r"[A-Z]{2} [A-Z]{3} \d{3}", " ".join(country[key] for key in ("id", "alpha_3", "numeric")))
    (belarus,) = (country for country in countries if country["id"] == "BY")
    assert (belarus["alpha_3"], belarus["numeric"], belarus["name"]) == ("BLR", "112", "Belarus")


@each_resource
def test_files_are_in_the_form_that_an_export_writes(resource: Resource) -> None:
    raw = (SEED / f"{resource.plural}.ndjson").read_bytes()
    assert raw.endswith(b"\n")
    assert b"\r" not in raw
    found = records(resource.plural)
    written = "".join(f"{json.dumps(record, ensure_ascii=False, separators=(',', ':'))}\n" for record in found)
    assert raw.decode() == written
    assert [record["id"] for record in found] == sorted({record["id"] for record in found})
    order = ["kind", "id", *(plan.name for plan in field_plans(resource) if plan.writable and plan.name not in ("kind", "id"))]
    for record in found:
        assert record["kind"] == resource.kind
        assert list(record) == [name for name in order if name in record], record["id"]
        assert not [name for name, value in record.items() if value in (None, "", [], False)], record["id"]


@each_resource
def test_ids_are_what_their_kind_has(resource: Resource) -> None:
    codes = {country[key].lower() for country in records("countries") for key in ("id", "alpha_3", "numeric") if key in country}
    for record in records(resource.plural):
        TypeAdapter(Id).validate_python(record["id"])
        if resource.kind == "country":
            assert re.fullmatch("[A-Z]{2}|[A-Z]{4}", record["id"])
        elif resource.natural_key:
            assert UUID(record["id"]).version == 5
            assert str(UUID(record["id"])) == record["id"]
        else:
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", record["id"])
            assert record["id"] not in codes


def test_an_id_is_that_of_one_record_only() -> None:
    ids = [record["id"] for record in everything()]
    assert len(ids) == len(set(ids)) > 800


def test_everything_that_needs_evidence_has_it() -> None:
    cited = {citation["record"] for citation in records("citations")}
    needing = {record["id"]: record["kind"] for record in everything() if record["kind"] not in UNCITED}
    assert len(needing) > 150
    assert sorted(needing.keys() - cited) == []
    assert sorted(cited - {record["id"] for record in everything()}) == []


def test_a_citation_of_one_field_names_a_field_that_the_record_has() -> None:
    by_id = {record["id"]: record for record in everything()}
    with_field = [citation for citation in records("citations") if "field" in citation]
    assert len(with_field) > 10
    for citation in with_field:
        assert citation["field"] in by_id[citation["record"]], citation


def test_every_named_record_lists_its_own_name_among_its_names() -> None:
    named = [record for record in everything() if "name" in record]
    assert len(named) > 300
    for record in named:
        assert record["name"] in [name["text"] for name in record["names"]], record["id"]


def test_the_page_tells_which_topics_have_names_of_the_digital_watch_and_which_have_none() -> None:
    page = (SEED.parent / "docs" / "records.md").read_text(encoding="utf-8")
    mapped, _, left_out = page.partition("### Topics of the Digital Watch")[2].partition("These have none:")
    told = dict(re.findall(r"^\| `([a-z-]+)` \| ([^|]+) \|$", mapped, re.MULTILINE))
    given = {
        topic["id"]: identifier["identifier"]
        for topic in records("topics")
        for identifier in topic.get("identifiers", ())
        if identifier["scheme"] == "digital-watch"
    }
    assert told == given != {}
    first_cells = " ".join(re.findall(r"^\| (`[^|]+) \|", left_out, re.MULTILINE))
    without = re.findall("`([a-z-]+)`", first_cells)
    assert sorted([*told, *without]) == [topic["id"] for topic in records("topics")]


def test_no_name_is_listed_twice_in_a_language() -> None:
    for record in everything():
        listed = [(name["language"], name["text"]) for name in record.get("names", ())]
        assert len(listed) == len(set(listed)), record["id"]


def test_quotes_are_short() -> None:
    assert [citation for citation in records("citations") if len(citation["quote"].split()) > QUOTE_WORDS == 8] == []


def _documents(folder: Path) -> dict[str, str]:
    """The text of each source's document."""
    by_hash = {sha256(path.read_bytes()).hexdigest(): path.read_text(encoding="utf-8") for path in folder.glob("*.txt")}
    return {source["id"]: by_hash[source["texts"][0]["sha256"]] for source in records("sources")}


def _wholes(text: str) -> set[str]:
    """A document's paragraphs and sentences, without marks at their ends; a heading of a word or two is a name."""
    paragraphs = [folded(block) for block in re.split(r"\n\s*\n", text.strip())]
    sentences = [
        part for paragraph in paragraphs for part in re.split(r"(?<=[.!?])[*»”\"']*\s+(?=[*«“\"']*[A-ZА-ЯЁ])", paragraph)
    ]
    return {bare for each in (*paragraphs, *sentences) if len((bare := _without_marks(each)).split()) > 2}


def _without_marks(text: str) -> str:
    return folded(text).strip("*#«»“”\"'.!?:; ")


def test_no_quote_is_a_whole_paragraph_or_sentence(documents: Path) -> None:
    wholes = {source: _wholes(text) for source, text in _documents(documents).items()}
    assert sum(map(len, wholes.values())) > 80
    quoted = [citation for citation in records("citations") if _without_marks(citation["quote"]) in wholes[citation["source"]]]
    assert [(citation["source"], citation["paragraph"], citation["quote"]) for citation in quoted] == []


def test_no_text_of_ours_is_copied_from_a_document(documents: Path) -> None:
    texts = {source: folded(text).casefold() for source, text in _documents(documents).items()}
    copied = [
        (record["id"], field)
        for record in everything()
        for field in ("summary", "contribution", "note")
        if len(record.get(field, "").split()) > QUOTE_WORDS
        and any(folded(record[field]).casefold().rstrip(".") in text for text in texts.values())
    ]
    assert copied == []


def test_the_sources_are_the_documents(documents: Path) -> None:
    found = _documents(documents)
    assert len(found) == len(list(documents.glob("*.txt"))) == 5
    for source in records("sources"):
        if "url" in source:
            assert source["url"] in found[source["id"]], source["id"]


def test_the_phrases_that_the_readme_cites_stand_in_their_sources(documents: Path) -> None:
    readme = (SEED.parent / "README.md").read_text(encoding="utf-8")
    cited = re.findall(r'"source": "([^"]+)", "paragraph": (\d+), "quote": "([^"]+)"', readme)
    assert cited != []
    for source, paragraph, quote in cited:
        blocks = re.split(r"\n\s*\n", _documents(documents)[source].strip())
        assert quote in folded(blocks[int(paragraph) - 1])
