"""The order of names and the folding of text, held as properties of any name, in Python and on both databases."""

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.domain.collation import fold, sort_key
from app.domain.texts import cleaned
from tests.conftest import Database, Fresh
from tests.test_contract import get, walk

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
"""Postgres' pool draws from that module in a thread of its own, now and then while a strategy does its work."""

many = settings(derandomize=True, deadline=None, max_examples=150)
over_http = settings(derandomize=True, deadline=None, max_examples=80)
whole_databases = settings(derandomize=True, deadline=None, max_examples=2)

RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
BELARUSIAN = "абвгдеёжзійклмнопрстуўфхцчшыьэюя"
UKRAINIAN = "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя"
LATIN = "abcdefghijklmnopqrstuvwxyz"

storable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
any_text = st.text(storable, max_size=20)
any_name = st.text(storable, min_size=1, max_size=12).filter(lambda text: any(letter.isalnum() for letter in text))
usual_letters = RUSSIAN + RUSSIAN.upper() + BELARUSIAN + UKRAINIAN + LATIN + LATIN.upper() + "ÉéÈÜüÖöÇçİıŞşŁłØøß中国한국 -'«»"
usual_name = st.text(usual_letters, min_size=1, max_size=10).filter(lambda text: any(letter.isalnum() for letter in text))
names = st.one_of(usual_name, any_name)
russian_words = st.text(RUSSIAN, min_size=1, max_size=6)


def shuffled_by_case(word: str, upper: int) -> str:
    """The word with the letters at the set bits of `upper` in upper case."""
    return "".join(letter.upper() if upper >> place & 1 else letter for place, letter in enumerate(word))


@many
@given(text=any_text)
@example(text="Türkiye Cumhuriyeti")
@example(text="İstanbul")
@example(text="ǿ")
@example(text="ǰ")
@example(text="a\u0328\u0301")
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@many
@given(text=any_text, upper=st.integers(0, 2**20))
def test_folding_ignores_blanks_and_case(text: str, upper: int) -> None:
    assert fold(f" \t{text} \n") == fold(text)
    letters = "".join(letter for letter in text if letter in RUSSIAN + UKRAINIAN + BELARUSIAN + LATIN)
    assert fold(shuffled_by_case(letters, upper)) == fold(letters)


@many
@given(
    word=st.text("aceinorsuyzаеиоуыэюя", min_size=1, max_size=6),
    mark=st.sampled_from("\u0300\u0301\u0302\u030c"),
    at=st.integers(0, 5),
)
@example(word="замок", mark="\u0301", at=1)
def test_folding_ignores_marks(word: str, mark: str, at: int) -> None:
    """Also marks that no one character holds together with its letter, such as the stress in Russian texts."""
    place = at % len(word) + 1
    assert fold(word[:place] + mark + word[place:]) == word


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Türkiye", "TURKIYE"),
        ("İstanbul", "istanbul"),
        ("Ёлка", "елка"),
        ("Łódź", "lodz"),
        ("Ǿrsted", "orsted"),
        ("Straße", "STRASSE"),
        ("Oʻzbekiston", "O’zbekiston"),
        ("Côte  d’Ivoire", "cote d'ivoire"),
        ("ｆｕｌｌ", "full"),
        ("й", "и\u0306"),
    ],
)
def test_spellings_of_one_name_meet(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@many
@given(text=st.text("中华人民共和国대한민국호구かきあア", min_size=1, max_size=6))
@example(text="한국")
def test_folding_keeps_the_letters_of_scripts_without_case(text: str) -> None:
    assert fold(text) == text


def test_folding_keeps_letters_apart() -> None:
    apart = ["и", "й", "у", "ў", "і", "ї", "г", "ґ", "한국", "호구", "中", "国"]
    assert len({fold(word) for word in apart}) == len(apart)


@pytest.mark.parametrize("alphabet", [RUSSIAN, BELARUSIAN, UKRAINIAN, LATIN], ids=["ru", "be", "uk", "en"])
def test_letters_sort_by_their_alphabet(alphabet: str) -> None:
    assert "".join(sorted(set(alphabet), key=sort_key)) == alphabet
    assert "".join(sorted(set(alphabet.upper()), key=sort_key)) == alphabet.upper()


@many
@given(words=st.lists(russian_words, min_size=2, max_size=8, unique=True))
@example(words=["ёж", "еж", "ежа", "жук", "есть", "ель"])
@example(words=["йод", "иод", "игла", "клён", "клен"])
def test_russian_words_sort_as_in_a_dictionary(words: list[str]) -> None:
    """Ё counts as Е and comes after it where nothing else differs."""

    def place(word: str) -> tuple[list[int], str]:
        return [RUSSIAN.index(letter) for letter in word.replace("ё", "е")], word

    assert sorted(words, key=sort_key) == sorted(words, key=place)


@pytest.mark.parametrize(
    "in_order",
    [
        ["Ежи", "Ёлка", "Ель", "Жук"],
        ["Игла", "Йод", "Клён"],
        ["Eclair", "Éclair", "École", "Ezra", "Fable"],
        ["Tunisia", "Turkey", "Türkiye", "Tuvalu"],
        ["Äpfel", "Banane", "Uber", "über", "Ulm"],
        ["SCO", "SCO Forum", "Scope"],
        ["Abe", "abé", "ABF"],
    ],
)
def test_names_sort_as_a_reader_expects(in_order: list[str]) -> None:
    assert sorted(set(in_order), key=sort_key) == in_order


@many
@given(name=usual_name, upper=st.integers(0, 2**10), other=names)
def test_case_orders_only_what_is_equal_but_for_it(name: str, upper: int, other: str) -> None:
    """Nothing comes between two spellings of one name but a third."""
    respelt = shuffled_by_case(name, upper)
    if fold(respelt) == fold(name) != fold(other):
        assert (sort_key(other) < sort_key(name)) == (sort_key(other) < sort_key(respelt))
        assert sort_key(other) not in (sort_key(name), sort_key(respelt))


@many
@given(several=st.lists(names, min_size=2, max_size=6))
def test_keys_order_by_bytes_as_by_characters(several: list[str]) -> None:
    """Databases compare bytes, Python compares characters."""
    assert sorted(several, key=sort_key) == sorted(several, key=lambda name: sort_key(name).encode())


@whole_databases
@given(several=st.lists(names, min_size=30, max_size=60))
@example(
    several=[
        "Ёлка",
        "Ель",
        "Есть",
        "Жук",
        "Йод",
        "Игла",
        "Éclair",
        "eclair",
        "Ezra",
        "Fable",
        "ECLAIR",
        "\u2028b",
        "B\x7f",
        "Türkiye",
    ]
)
def test_lists_come_in_the_order_of_names_on_every_database(fresh: Fresh, several: list[str]) -> None:
    """What both databases equal here, they equal in one another."""
    database = Database(fresh())
    by_id = {f"person-{place:03}": cleaned(name) for place, name in enumerate(several)}
    database.load(*(json.dumps({"kind": "person", "id": key, "name": name}) for key, name in zip(by_id, several, strict=True)))
    wanted = sorted(by_id, key=lambda key: (sort_key(by_id[key]), key))
    with database.client() as client:
        assert [each["id"] for each in walk(client, "/v1/people?sort=name&limit=7")] == wanted
        assert [each["id"] for each in walk(client, "/v1/people?sort=-name&limit=7")] == wanted[::-1]
        assert {each["id"]: each["name"] for each in walk(client, "/v1/people?limit=200")} == by_id
    database.engine.dispose()


FOUND_BY_WORDS = [
    "Министерство связи и информатизации",
    "Ministry of Communications and Informatization",
    "Türk Devletleri Teşkilatı",
    "Shanghai Cooperation Organization",
    "Шанхайская организация сотрудничества",
    "Санкт-Петербург",
    "Ёлкин Семён Йодович",
    "Élysée Palace",
    "İstanbul Teknik Üniversitesi",
    "Łódź Agreement 2024",
    "Форум «Цифровой мост»",
    'Agreement "Digital Bridge"',
    "Information (Cyber) Security",
    "COVID-19/Health Forum",
    "Côte d’Ivoire",
    "d’Artagnan",
    "№ 5 Совещание",
    "Mr.Smith,Jones;Lee:Brown",
    "snake_case_name",
    "中国 工业和信息化部",
    "대한민국 정부",
    "50% of 100%",
]
WORD = re.compile(r"[^\W_]+")


@pytest.fixture(scope="session")
def finding(fresh: Fresh) -> Iterator[TestClient]:
    """A client over organizations with the names above, some of them names beside their own."""
    database = Database(fresh())
    lines = []
    for place, name in enumerate(FOUND_BY_WORDS):
        other = [{"language": "en", "text": name, "type": "alias"}]
        own = {"name": name} if place % 2 else {"name": f"Number {place}", "names": other}
        lines.append(json.dumps({"kind": "organization", "id": f"body-{place:02}", **own}))
    database.load(*lines)
    with database.client() as client:
        yield client
    database.engine.dispose()


@over_http
@given(
    place=st.integers(0, len(FOUND_BY_WORDS) - 1),
    word=st.integers(0, 5),
    length=st.integers(1, 12),
    upper=st.integers(0, 2**12),
)
def test_q_finds_a_name_by_the_start_of_any_of_its_words(
    finding: TestClient, place: int, word: int, length: int, upper: int
) -> None:
    words = WORD.findall(FOUND_BY_WORDS[place])
    typed = shuffled_by_case(words[word % len(words)].lower()[:length], upper)
    if not WORD.search(typed):
        typed = words[0]
    found = {each["id"] for each in get(finding, f"/v1/organizations?q={quote(typed)}&limit=200&fields=id")["data"]}
    assert f"body-{place:02}" in found


@over_http
@given(place=st.integers(0, len(FOUND_BY_WORDS) - 1), order=st.permutations(range(4)), length=st.integers(1, 9))
def test_q_finds_just_the_names_that_have_all_its_words(finding: TestClient, place: int, order: list[int], length: int) -> None:
    words = WORD.findall(FOUND_BY_WORDS[place])
    typed = [words[each][:length] for each in order if each < len(words)]
    found = [each["id"] for each in walk(finding, f"/v1/organizations?q={quote(' '.join(typed))}&limit=3&sort=id")]
    wanted = []
    for number, name in enumerate(FOUND_BY_WORDS):
        own = WORD.findall(fold(name))
        if all(any(mine.startswith(part) for mine in own) for one in typed for part in WORD.findall(fold(one))):
            wanted.append(f"body-{number:02}")
    assert found == sorted(found)
    assert set(wanted) <= set(found), "and whoever has them in another form or spelling"
    assert f"body-{place:02}" in found
