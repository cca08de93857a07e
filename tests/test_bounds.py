"""Work grows no faster than its input, and what is remembered is bounded in bytes, whatever anybody types, sends or stores."""

import json
import random
import sys
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from anyascii import anyascii
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.caching import bytes_of, cached, forget
from app.domain.collation import fold
from app.faults import FAULTS_ALIKE, MOST_FAULTS, Fault, Faults
from app.search import suggesting, tiers
from app.text import analyzer
from app.text.nodes import FTS5, TSQUERY, Node
from app.text.query import MOST_SLOTS, MOST_WORDS, parsed
from app.text.terms import LETTERS, Letters, Own, Weight
from tests.conftest import Database

many = settings(derandomize=True, deadline=None, max_examples=150)
ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "щшчжцюяьъ",
    "абвгдежзиклмнопрстуфхцч",
    "中国工业和信息化部",
    "대한민국정부",
    "ابتثجحخدذرزسش",
    "ﷺﷻﬀﬃ",
    "ўəßİıœ",
    "éäöåāŁ",
    "0123456789",
    "🙂😀",
    "a\u0301\u0308",
)
SEPARATORS = ("", " ", "-", "'", '"', "* ", " -", "’", "_", ".", "\u200b")

typed = st.builds(
    lambda alphabet, separator, length, times, seed: separator.join(
        "".join(random.Random(seed + place).choices(alphabet, k=length)) for place in range(times)
    )[:2_000],
    st.sampled_from(ALPHABETS),
    st.sampled_from(SEPARATORS),
    st.integers(1, 3) | st.integers(1, 500),
    st.integers(1, 500),
    st.integers(0, 1_000),
)


def all_nodes(text: str) -> Iterator[Node]:
    """All that a search and a suggestion look for."""
    query = parsed(text)
    yield from tiers.known_names(query).values()
    for stage in tiers.by_name(query):
        yield from stage.values()
    yield from tiers.elsewhere(query, (), ()).values()
    yield from tiers.together(query, (), [() for _ in query.slots]).values()
    yield from tiers.each_word(tiers.pair_by_pair(query), [() for _ in tiers.pair_by_pair(query).slots]).values()
    for fits in suggesting.begun(query):
        yield from fits.values()
    yield suggesting.slips(query)


def terms_in(node: Node) -> int:
    """How many terms a node looks for."""
    return sum(terms_in(part) if isinstance(part, Node) else 1 for part in node.parts)


@many
@given(text=typed)
def test_what_a_question_looks_for_is_bounded_whatever_its_letters(text: str) -> None:
    query = parsed(text)
    assert len(query.slots) <= MOST_SLOTS
    assert len(query.words) <= MOST_WORDS
    for word in query.words:
        forms = (*word.stems, *word.skeletons)
        assert all(len(form) <= 2 * analyzer.MAX_WORD for form in forms), "a stemmer may add a letter, and an x sounds like two"
    nodes = list(all_nodes(text))
    # Of up to 12 words, each with some 20 forms in 3 weights, one after another is left out.
    assert sum(map(terms_in, nodes)) <= 12_000
    assert sum(len(FTS5.write(node)) for node in nodes) <= 600_000
    assert sum(len(TSQUERY.write(node)) for node in nodes) <= 600_000


def test_one_search_analyzes_no_more_stored_letters_than_all_its_steps_may(database: Database) -> None:
    """The words are in no record, so that every step is taken."""
    names = [f"{first} {second} {'Lorem' * 20}" for first in ("Alberta", "Bernard") for second in ("Castello", "Dominika")]
    lines = [json.dumps({"kind": "person", "id": f"person-{place}", "name": name}) for place, name in enumerate(names * 20)]
    database.load(*lines)
    given: list[int] = []
    was = Letters.__init__

    def counted(self: Letters, left: int = LETTERS) -> None:
        given.append(left)
        was(self, left)

    with pytest.MonkeyPatch.context() as patch, database.client() as client:
        patch.setattr(Letters, "__init__", counted)
        for q in ("albetra castelol bernrad dominkia zzz", "alberta", "albetra", "alberta qqq castello", '"alberta x" y'):
            given.clear()
            assert client.get("/v1/search", params={"q": q, "limit": 100}).status_code == 200
            assert 0 < sum(given) <= LETTERS, q


@many
@given(text=typed)
def test_letters_that_libraries_are_given_grow_no_faster_than_what_is_typed(text: str) -> None:
    given: list[int] = []

    def counting(function: Any) -> Any:
        def counted(first: str, *others: Any, **options: Any) -> Any:
            given.append(len(first))
            return function(first, *others, **options)

        return counted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analyzer, "anyascii", counting(anyascii))
        patch.setattr(analyzer, "fold", counting(fold))
        patch.setattr(analyzer, "skeleton", counting(analyzer.skeleton))
        patch.setattr(analyzer, "_stem", counting(analyzer._stem))
        list(all_nodes(text))
    assert sum(given) <= 2_000 + 60 * len(text)
    assert max(given, default=0) <= analyzer.MAX_WORD * 20, "one letter may stand for a few words, as ﷺ does"


@pytest.mark.parametrize("letter", ["щ", "a", "ﷺ", "中", "İ", "c", "ў", "o‘", "1", "ß"])
def test_a_word_without_end_is_found_by_its_beginning(letter: str) -> None:
    long, longer = parsed(letter * 400), parsed(letter * 900)
    assert [word.stems for word in long.words] == [word.stems for word in longer.words]


def test_a_long_word_that_is_stored_is_found_as_it_is_typed(office: tuple[Database, TestClient]) -> None:
    database, client = office
    name = "щ" * 3_000
    database.load(json.dumps({"kind": "person", "id": "long-name", "name": f"{name} Иванов"}))
    for path in ("search", "suggest"):
        answer = client.get(f"/v1/{path}", params={"q": f"{'щ' * 900} Иванов"})
        assert [hit["id"] for hit in answer.json()["data"]] == ["long-name"], path


def test_records_of_very_long_texts_are_shown_and_suggested(office: tuple[Database, TestClient]) -> None:
    """What a hit shows is made of so many letters of the record, not of all."""
    database, client = office
    words = random.Random(7)

    def text(length: int) -> str:
        return " ".join("".join(words.choices("abcdefghijklmnoprstuvz", k=9)) for _ in range(length))

    def names(count: int, length: int) -> list[dict[str, str]]:
        return [{"language": "en", "type": "alias", "text": text(length)} for _ in range(count)]

    lines = [
        json.dumps({"kind": "organization", "id": f"wordy-{n}", "name": f"Wordy {n}", "names": names(2, 100)})
        for n in range(60)
    ]
    lines.append(json.dumps({"kind": "organization", "id": "wordiest", "name": "Wordiest", "names": names(20, 900)}))
    database.load(*lines)
    found = client.get("/v1/search?q=wordy&limit=100&kind=organization").json()["data"]
    assert len(found) == 60
    assert all("<mark>" in hit["snippet"] for hit in found[:5])
    assert len(client.get("/v1/suggest?q=wordy&limit=50").json()["data"]) > 5
    ((longest,),) = database.execute("SELECT max(length(words)) FROM search_entries WHERE record_id = 'wordiest'")
    assert isinstance(longest, int)
    assert 10_000 < longest < 25_000
    assert database.disagreements() == []


@given(texts=st.lists(st.text(max_size=500), max_size=300))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_a_request_analyzes_so_many_letters_of_what_is_stored(texts: list[str]) -> None:
    letters = Letters()
    own = [Own(Weight.TEXT, "summary", None, text * 50) for text in texts]
    taken = sum(len(text) for start in range(0, len(own), 10) for _, text in letters.of(own[start : start + 10]))
    assert taken <= LETTERS
    assert letters.left >= 0


def test_names_of_any_length_are_stored_and_stand_in_order(office: tuple[Database, TestClient]) -> None:
    """Postgres indexes no more than 2,700 bytes of a key."""
    database, client = office
    key = {**database.key(name="long names"), "content-type": "application/json"}
    words = random.Random(1)
    for number, alphabet in enumerate(("абвгдежзиклмнопрст", "中国工业和信息化部", "🙂😀🎉🚀", "ﷺﷻ")):
        name = "".join(words.choices(alphabet, k=9_900))
        answer = client.post("/v1/people", json={"id": f"very-long-{number}", "name": name}, headers=key)
        assert answer.status_code == 201, answer.text
    assert client.get("/v1/people?q=абв&sort=name").status_code == 200
    long = "".join(words.choices("абвгдежзиклмнопрст", k=9_900))
    assert client.post("/v1/meetings", json={"id": "talks", "name": "Talks", "city": long}, headers=key).status_code == 201
    assert client.get("/v1/meetings", params={"city": long[:200]}).json()["data"] == [], "its key has the first 300 letters"
    source = {"id": "page", "title": "Page", "publisher": long}
    assert client.post("/v1/sources", json=source, headers=key).status_code == 201
    body = {"record": "talks", "source": "page", "paragraph": 1, "quote": long, "confidence": "stated"}
    answer = client.post("/v1/citations", json=body, headers=key)
    assert answer.status_code == (201 if database.engine.dialect.name == "sqlite" else 422), answer.text
    assert answer.status_code == 201 or "shorten the quote of a citation" in answer.text
    assert database.disagreements() == []


# -- what is remembered ------------------------------------------------------------------------------------------------------


def test_a_cache_keeps_so_many_bytes_however_long_its_keys_are() -> None:
    asked: list[str] = []

    @cached(1_000_000)
    def twice(text: str) -> str:
        asked.append(text)
        return text * 2

    tracemalloc.start()
    try:
        for length in (10, 1_000, 50_000):
            for number in range(3_000_000 // (length + 500)):
                twice(f"{number}{'x' * length}")
            asked.clear()
            assert tracemalloc.get_traced_memory()[0] < 1_200_000
    finally:
        tracemalloc.stop()
    asked.clear()
    twice("x" * 60_000)
    twice("x" * 60_000)
    assert len(asked) == 2, "what would fill a tenth of it alone is not kept"


def test_a_cache_keeps_what_is_used_again_and_again() -> None:
    asked: list[int] = []

    @cached(100_000)
    def same(number: int) -> str:
        asked.append(number)
        return "x" * 500

    for number in range(2_000):
        same(-1)
        same(number)
    assert asked.count(-1) == 1
    assert len(asked) == 2_001


def test_a_cache_tells_apart_what_is_given_by_name() -> None:
    @cached(100_000)
    def joined(one: str, *, other: str = "b") -> str:
        return one + other

    assert [joined("a"), joined("a", other="c"), joined("a", other="b"), joined("a")] == ["ab", "ac", "ab", "ab"]


def test_a_cache_forgets_when_it_is_told_to() -> None:
    asked: list[str] = []

    @cached(100_000)
    def read(text: str) -> str:
        asked.append(text)
        return text

    read("name of an erased person")
    read("name of an erased person")
    forget()
    read("name of an erased person")
    assert len(asked) == 2


def test_an_entry_is_measured_with_all_that_it_holds() -> None:
    assert bytes_of(("x" * 1_000, ["y" * 1_000], {"z": "z" * 1_000})) > 3_000
    assert bytes_of("x" * 1_000) == sys.getsizeof("x" * 1_000)


# -- what is wrong ------------------------------------------------------------------------------------------------------------


@given(pointers=st.lists(st.sampled_from(["/name", "/names/3/text", "/names/77/text", "/date"]), max_size=60))
@settings(derandomize=True, deadline=None)
def test_faults_of_one_sort_are_told_ten_times_and_then_counted(pointers: list[str]) -> None:
    faults = Faults(alike=FAULTS_ALIKE)
    faults.extend(Fault(f"'{place}' is wrong", pointer=pointer, line=str(place)) for place, pointer in enumerate(pointers))
    told = faults.told()
    assert faults.total == len(pointers)
    by_themselves = [fault for fault in told if fault.line is not None]
    more = [int(fault.detail.split()[1]) for fault in told if fault.line is None]
    assert len(by_themselves) + sum(more) == len(pointers)
    assert [int(fault.line or 0) for fault in by_themselves] == sorted(int(fault.line or 0) for fault in by_themselves)
    assert bool(faults) == bool(pointers)


def test_faults_are_enough_at_some_number() -> None:
    faults = Faults()
    faults.extend(Fault(f"wrong in its own way {'x' * (place % 500)}", pointer="/name") for place in range(MOST_FAULTS + 5))
    assert faults.is_full
    assert "the rest was not looked at" in faults.told()[-1].detail
