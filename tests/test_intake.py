"""Documents are taken apart: paragraphs, mentions, dates; phrases are found in them, and quotes are proved with them.

`intake/NN-shape.LANG.txt` are ten invented documents of the shapes that ministries and papers publish. `NN-shape.json` lists
what each names and when, as a reader who had not seen the program found it; `prior.ndjson` is in the registry before.
"""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.vocabulary import DocumentForm
from app.http.documents import MOST_BYTES
from app.text.lexicon import LONGEST
from app.text.passages import Unreadable, decoded, divided, folded, taken_apart
from app.text.quotes import QUOTE_WORDS, Exactness, located, standing, words_in
from app.writing.keys import Scope
from tests.conftest import DOCUMENTS, Database, Fresh

FOLDER = Path(__file__).parent / "intake"
TEXTS = sorted(FOLDER.glob("*.txt"))
FOUND = 0.95
"""The least share of names and dates that must be found."""
Keys = dict[str, str]
many = settings(derandomize=True, deadline=None, max_examples=150)
PLAIN = {"Content-Type": "text/plain"}


class Desk:
    """A keeper's desk: a client with a key, over a registry that has the first data set and `prior.ndjson`."""

    def __init__(self, database: Database, client: TestClient) -> None:
        self.database = database
        self.client = client
        self.key = database.key(Scope.PROPOSE, name="agent")
        self.keeper = database.key(Scope.WRITE, name="keeper")

    def send(self, content: str | bytes, *, status: int = 201, **more: Any) -> Any:
        """Send a document as it is, and return the answer."""
        options = {"headers": {**self.key, **PLAIN, **more.pop("headers", {})}, **more}
        body = content.encode() if isinstance(content, str) else content
        answer = self.client.post("/v1/documents", content=body, **options)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def desk(fresh: Fresh) -> Iterator[Desk]:
    database = Database(fresh())
    database.seed()
    database.load(*(FOLDER / "prior.ndjson").read_text(encoding="utf-8").splitlines())
    with database.client() as client:
        yield Desk(database, client)
    database.engine.dispose()


def told(path: Path) -> Any:
    """What a reader found in a text."""
    return json.loads((FOLDER / f"{path.name.split('.')[0]}.json").read_text(encoding="utf-8"))


# -- paragraphs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "text", "paragraphs"),
    [
        ("plain", "One\nline\n \nTwo\u00a0 words\r\n\r\n\r\n3", ["One line", "Two words", "3"]),
        ("plain", "One\nTwo\n", ["One", "Two"]),
        ("plain", "\ufeff\n\n One", ["One"]),
        (
            "markdown",
            "# A *title*\nFirst line\nof **one**.\n\n> Quoted\n> on\n\n* item\n* item [two](https://x.org/a_b)\n",
            None,
        ),
        ("html", "<p>One<p>Two <b>bold</b><br>three<!-- no --><script>no</script><div hidden>no</div>", None),
        ("html", "<table><tr><td>a<td>b</table><ul><li>c</ul>&amp; d&nbsp;e <style>p{}</style>", ["a", "b", "c", "& d e"]),
        ("html", "x<textarea>no</textarea><noscript>no<p>no</noscript>y<svg><title>no</title></svg>", ["xy"]),
    ],
)
def test_paragraphs(form: str, text: str, paragraphs: list[str] | None) -> None:
    expected = {
        "markdown": ["A title", "First line of one.", "Quoted on", "item", "item two"],
        "html": ["One", "Two bold", "three"],
    }
    assert taken_apart(text.removeprefix("\ufeff"), DocumentForm(form)).paragraphs == (paragraphs or expected[form])


def test_a_page_says_its_title_and_language() -> None:
    page = taken_apart("<html lang='ru-RU'><head><title> Новости \n дня</title></head><p>a", DocumentForm.HTML)
    assert (page.title, page.language, page.paragraphs) == ("Новости дня", "ru-RU", ["a"])


@pytest.mark.parametrize(
    ("content", "charset", "form"),
    [
        ("Ёлка".encode(), None, "plain"),
        ("Ёлка".encode("utf-8-sig"), "windows-1251", "plain"),
        ("Ёлка".encode("cp1251"), "Windows-1251", "plain"),
        ("Ёлка".encode("koi8-r"), "koi8-r", "plain"),
        ("Ёлка".encode("utf-16"), None, "plain"),
        ("Ёлка<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'>".encode("cp1251"), None, "html"),
    ],
)
def test_encodings_are_declared_or_marked(content: bytes, charset: str | None, form: str) -> None:
    assert decoded(content, charset, form=DocumentForm(form)).startswith("Ёлка")


@pytest.mark.parametrize(
    ("content", "charset", "why"),
    [
        ("Ёлка".encode("cp1251"), None, "no charset was declared"),
        ("Ёлка".encode("cp1251"), "utf-8", "utf-8 was declared"),
        (b"a", "klingon", "no charset that is read here"),
        (b"a", "zip", "no charset that is read here"),
        (b"a", "rot13", "no charset that is read here"),
        (b"%PDF-1.7", None, "it is a PDF"),
        (b"a\0b", None, "character 2 is NUL"),
    ],
)
def test_what_is_no_text_is_refused_with_the_reason(content: bytes, charset: str | None, why: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(why)):
        decoded(content, charset)


@many
@given(text=st.text(max_size=300), form=st.sampled_from(DocumentForm))
def test_any_text_is_taken_apart_into_folded_paragraphs_and_stays_so(text: str, form: DocumentForm) -> None:
    passages = taken_apart(text.replace("\0", ""), form)
    assert all(paragraph and paragraph == folded(paragraph) for paragraph in passages.paragraphs)
    if passages.paragraphs:
        assert taken_apart(passages.text, DocumentForm.PLAIN).paragraphs == passages.paragraphs


@pytest.mark.parametrize(
    ("form", "piece"),
    [
        ("plain", "\u0301\u0323"),
        ("plain", "a" + "\u0301" * 31),
        ("html", "\u0301\u0323"),
    ],
)
def test_letters_with_too_many_marks_are_no_text(form: str, piece: str) -> None:
    """Composing them would take time that grows with the square of their number."""
    with pytest.raises(Unreadable, match="marks on one letter"):
        taken_apart(piece * 100_000, DocumentForm(form))
    assert taken_apart("e" + "\u0323" * 30 + "—" * 100 + "\u0301", DocumentForm(form)).paragraphs


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("a" + "_" * 100_000 + "a", "a" + "_" * 100_000 + "a"),
        ("Cost 10*5 USD, ~20 delegations, 5 * 3", "Cost 10*5 USD, ~20 delegations, 5 * 3"),
        ("In 1986. A year", "In 1986. A year"),
        ("1986. A year", "1986. A year"),
        ("the _new_ **Forum** `x_y` ~~old~~ snake_case_name", "the new Forum x_y old snake_case_name"),
        ("[text](https://example.org/a_b) and ![picture](p.png)", "text and picture"),
        (r"\*no\* emphasis", "*no* emphasis"),
    ],
)
def test_markdown_loses_its_signs_and_nothing_else(markdown: str, shown: str) -> None:
    assert taken_apart(markdown, DocumentForm.MARKDOWN).paragraphs == [shown]


@pytest.mark.parametrize(
    ("page", "paragraphs"),
    [
        (
            "<p>a<p hidden>no<p>b<div style='DISPLAY: none'>no<p>no</div>c<dialog>no</dialog><dialog open>d</dialog>",
            ["a", "b", "c", "d"],
        ),
        (
            "<my-card>one</my-card><my-card>two</my-card><label>Name</label><button>Send</button>",
            ["one", "two", "Name", "Send"],
        ),
        ("<input hidden>a<img hidden>b<frameset><noframes><body>no</body></noframes></frameset>", ["ab"]),
    ],
)
def test_what_a_browser_does_not_show_is_no_paragraph(page: str, paragraphs: list[str]) -> None:
    assert taken_apart(page, DocumentForm.HTML).paragraphs == paragraphs


# -- phrases ---------------------------------------------------------------------------------------------------------------


PARAGRAPHS = ["The two sides met in Minsk.", "They signed a memorandum in Minsk on trade.", "中国和白俄罗斯签署了谅解备忘录。"]


@pytest.mark.parametrize(
    ("phrase", "paragraph", "exactness", "numbers", "quote"),
    [
        ("a memorandum", None, "found", [2], "a memorandum"),
        ("a  memorandum", 2, "found", [2], "a memorandum"),
        ("a memorandum", 1, "elsewhere", [2], "a memorandum"),
        ("in Minsk", None, "twice", [1, 2], "in Minsk."),
        ("in Minsk", 2, "found", [1, 2], "in Minsk on"),
        ("emorand", None, "found", [2], "memorandum"),
        ("A memorandum", None, "not_found", [], None),
        ("签署", None, "found", [3], "签署"),
        ("minsk", None, "not_found", [], None),
    ],
)
def test_a_phrase_is_located(phrase: str, paragraph: int | None, exactness: str, numbers: list[int], quote: str | None) -> None:
    assert located(PARAGRAPHS, phrase, paragraph) == (Exactness(exactness), numbers, quote)


@many
@given(data=st.data(), words=st.lists(st.text("ab中。 ", min_size=1, max_size=4), min_size=1, max_size=40))
def test_what_locate_proposes_can_be_quoted(data: st.DataObject, words: list[str]) -> None:
    """It stands in the document, is short enough, and contains the phrase, or is the beginning of a long one."""
    text = taken_apart(" ".join(words), DocumentForm.PLAIN).text
    if not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    phrase = text[start : data.draw(st.integers(start + 1, len(text)))]
    exactness, numbers, quote = located([text], phrase)
    if not phrase.strip():
        assert exactness is Exactness.NOT_FOUND
        return
    assert (exactness, numbers) == (Exactness.FOUND, [1])
    assert quote is not None
    assert standing([text], quote) == [1]
    assert words_in(quote) <= QUOTE_WORDS or " " not in quote
    assert folded(phrase) in quote or words_in(phrase) > QUOTE_WORDS - 2


# -- documents -------------------------------------------------------------------------------------------------------------


def test_the_names_in_ten_documents_are_found_and_no_others(desk: Desk) -> None:
    missed, wrong, count = [], [], 0
    for path in TEXTS:
        facts = told(path)
        found = desk.send(path.read_text(encoding="utf-8"), params={"language": facts["language"]})
        pairs = {(each["paragraph"], one["id"]) for each in found["mentions"] for one in each["candidates"]}
        expected = {(each["paragraph"], each["id"]) for each in facts["mentions"] if not each.get("short")}
        count += len(expected)
        missed += [(path.name, *pair) for pair in sorted(expected - pairs)]
        wrong += [
            (path.name, *pair) for pair in sorted(pairs - {(each["paragraph"], each["id"]) for each in facts["mentions"]})
        ]
    assert count > 150
    assert len(missed) <= (1 - FOUND) * count, missed
    assert wrong == []


def test_the_dates_in_ten_documents_are_found_and_none_is_invented(desk: Desk) -> None:
    missed, wrong, count = [], [], 0
    for path in TEXTS:
        facts = told(path)
        found = desk.send(path.read_text(encoding="utf-8"), status=200)["dates"]
        stated = {(each["paragraph"], each["edtf"], each["question"]) for each in found}
        expected = {(each["paragraph"], each["edtf"], each["question"]) for each in facts["dates"]}
        count += len(expected)
        missed += [(path.name, *each) for each in expected - stated]
        wrong += [(path.name, *each) for each in stated - expected if each[1]]
    assert count > 90
    assert len(missed) <= (1 - FOUND) * count, missed
    assert wrong == []


def test_the_facts_of_ten_documents_are_recorded_and_each_quote_is_proved(fresh: Fresh) -> None:
    """A reader wrote them down without the program. Their documents are sent first, so that nothing is taken on trust."""
    database = Database(fresh())
    database.seed()
    database.load(*(FOLDER / "prior.ndjson").read_text(encoding="utf-8").splitlines())
    headers = database.key()
    count = 0
    with database.client() as client:
        for path in TEXTS:
            facts = told(path)
            content = path.read_bytes()
            sent = client.post("/v1/documents", content=content, headers={**headers, **PLAIN}).json()
            assert sent["source"] is None
            source = facts["source"] | {"texts": sent["proposed_source"]["texts"]}
            lines = [source]
            for fact in facts["facts"]:
                citation = {"source": source["id"], "paragraph": fact["paragraph"], "quote": fact["quote"]}
                citation["confidence"] = fact.get("confidence", "stated")
                lines.append(fact["record"] | {"citations": [citation]})
            count += len(facts["facts"])
            body = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
            loading = {**headers, "Content-Type": "application/x-ndjson"}
            for spoilt, status in ((body.replace(lines[1]["citations"][0]["quote"], "Never said"), 422), (body, 200)):
                answer = client.post(
                    "/v1/import", content=spoilt.encode(), headers=loading, params={"prove": True, "mode": "merge"}
                )
                assert answer.status_code == status, answer.text
    assert count > 250
    assert database.disagreements() == []
    database.engine.dispose()


def test_what_the_seed_cites_is_named_in_the_documents(desk: Desk) -> None:
    """Of the records that the seed's citations rest on and the paragraph names outright, almost all are found."""
    cited: set[tuple[str, int, str]] = set()
    rows = desk.database.execute("SELECT source_id, paragraph, record_id FROM citations")
    shown = {str(row[2]) for row in rows}
    records = {each: desk.client.get(f"/v1/records/{each}").json() for each in sorted(shown)}
    names = {
        record_id: [record["name"], *(name["text"] for name in record["names"])]
        for record_id, record in records.items()
        if record["kind"] in ("country", "organization", "person", "series")
    }
    found: set[tuple[str, int, str]] = set()
    for path in sorted(DOCUMENTS.glob("*.txt")):
        content = path.read_bytes()
        document = desk.send(content)
        source = document["source"]["id"]
        assert document["source"]["by"] == "digest"
        found |= {(source, each["paragraph"], one["id"]) for each in document["mentions"] for one in each["candidates"]}
        longer = [each["text"] for each in document["mentions"]]
        for of, paragraph, record_id in rows:
            if of != source:
                continue
            text = document["paragraphs"][int(str(paragraph)) - 1]
            for name in names.get(str(record_id), ()):
                # A name within a longer name is a part of that one, and a title of many words is quoted.
                apart = text
                for other in longer:
                    apart = apart.replace(other, other if other == name else "")
                if len(name.split()) <= LONGEST and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", apart):
                    cited.add((source, int(str(paragraph)), str(record_id)))
    assert len(cited) >= 25
    missed = cited - found
    assert len(missed) <= (1 - FOUND) * len(cited), sorted(missed)


def test_a_document_is_kept_once_for_a_key_and_can_be_removed(desk: Desk) -> None:
    text = "Title of the page\n\nBelarus and Kazakhstan met on 20 May 2025."
    query = {"url": "https://example.org/news/1", "retrieved": "2026-01-02", "language": "en"}
    first = desk.send(text, params=query)
    assert first["sha256"] == first["text_sha256"] == sha256(text.encode()).hexdigest()
    assert (first["rule"], first["form"], first["kept"], first["source"]) == ("plain-1", "plain", True, None)
    assert first["proposed_source"] == {
        "kind": "source",
        "title": "Title of the page",
        "url": "https://example.org/news/1",
        "language": "en",
        "published": "2025-05-20",
        "retrieved": "2026-01-02",
        "texts": [{"sha256": first["sha256"], "form": "retrieved", "rule": "plain-1"}],
    }
    (date,) = first["dates"]
    assert date == {
        "paragraph": 2,
        "start": 30,
        "end": 41,
        "text": "20 May 2025",
        "edtf": "2025-05-20",
        "question": None,
        "partial": None,
    }
    assert [(each["text"], [one["id"] for one in each["candidates"]]) for each in first["mentions"]] == [
        ("Belarus", ["BY"]),
        ("Kazakhstan", ["KZ"]),
    ]
    assert desk.send(text, status=200, params=query)["id"] == first["id"]
    by_another = desk.send(text, headers=desk.keeper)["id"]
    assert by_another != first["id"]
    where = f"/v1/documents/{first['id']}"
    assert desk.client.get(where).status_code == 401
    read = desk.client.get(where, headers=desk.key, params={"lang": "ru"})
    assert (read.status_code, read.headers["content-language"]) == (200, "ru")
    assert read.json()["mentions"][0]["candidates"][0]["name"] == "Беларусь"
    listed = desk.client.get("/v1/documents", headers=desk.key).json()["data"]
    assert {first["id"], by_another} <= {each["id"] for each in listed}
    assert "paragraphs" not in listed[0]
    refused = desk.client.delete(f"/v1/documents/{by_another}", headers=desk.key)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert desk.client.delete(where, headers=desk.key).status_code == 204
    gone = desk.client.get(where, headers=desk.key)
    assert (gone.status_code, first["sha256"] in gone.json()["detail"]) == (410, True)
    located_there = desk.client.post(f"{where}/locate", headers=desk.key, json={"phrases": [{"text": "met"}]})
    assert located_there.status_code == 410
    assert desk.database.execute("SELECT text, title FROM documents WHERE id = :id", id=first["id"]) == [(None, None)]
    assert desk.send(text, status=200)["id"] == first["id"], "sent again, it is there again"
    assert desk.client.get("/v1/documents/nothing", headers=desk.key).status_code == 404


def test_a_page_in_another_charset(desk: Desk) -> None:
    page = "<html lang=ru><head><title>Новость</title></head><p>Беларусь и Китай: 20 мая 2025 года.</html>"
    sent = desk.send(page.encode("cp1251"), headers={"Content-Type": "text/html; charset=windows-1251"})
    assert (sent["form"], sent["rule"], sent["language"]) == ("html", "html-1; charset=windows-1251", "ru")
    assert sent["paragraphs"] == ["Беларусь и Китай: 20 мая 2025 года."]
    assert sent["sha256"] == sha256(page.encode("cp1251")).hexdigest()
    assert [each["form"] for each in sent["proposed_source"]["texts"]] == ["retrieved", "text"]
    wrong = desk.send(page.encode("cp1251"), status=422)
    assert "declare its charset" in wrong["detail"]


def test_a_page_that_declares_another_charset_than_its_server(desk: Desk, tmp_path: Path) -> None:
    """What the server says counts, is kept in the rule, and is another document than the page alone."""
    page = "<meta charset=windows-1251><title>T</title><p>Министры встретились.".encode()
    served = desk.send(page, headers={"Content-Type": "text/html; charset=UTF-8"})
    assert (served["rule"], served["paragraphs"]) == ("html-1; charset=utf-8", ["Министры встретились."])
    alone = desk.send(page, headers={"Content-Type": "text/html"})
    assert (alone["rule"], alone["id"] != served["id"]) == ("html-1", True)
    read = desk.client.get(f"/v1/documents/{served['id']}", headers=desk.key).json()
    assert read["paragraphs"] == ["Министры встретились."]
    in_json = {"text": page.decode(), "form": "html"}
    sent = desk.client.post("/v1/documents", json=in_json, headers=desk.key).json()
    assert (sent["id"], sent["rule"]) == (served["id"], served["rule"])
    (tmp_path / "page").write_bytes(page)
    assert divided(page, served["rule"]) == ["Министры встретились."]
    marked = desk.client.post("/v1/documents", json={"text": "\ufeffBom text"}, headers=desk.key).json()
    assert marked["paragraphs"] == ["Bom text"]


def test_the_first_letters_of_a_long_paragraph_are_looked_through(desk: Desk) -> None:
    found = desk.send("Belarus met. " + "Nobody spoke. " * 5_000)
    assert [each["text"] for each in found["mentions"]] == ["Belarus"]


@pytest.mark.parametrize(
    ("text", "language", "named"),
    [
        ("George Washington wrote of Georgia.", "en", [("Georgia", ["GE"])]),
        ("Niger and Nigeria met.", "en", [("Niger", ["NE"]), ("Nigeria", ["NG"])]),
        ("О Нигере и о Нигерии.", "ru", [("Нигере", ["NE"]), ("Нигерии", ["NG"])]),
        (
            "Послы Республики Беларусь, Китая и Казахстана",
            "ru",
            [("Республики Беларусь", ["BY"]), ("Китая", ["CN"]), ("Казахстана", ["KZ"])],
        ),
        ("white turkey and us; may; chad", "en", []),
        ("Çin'in ve İran'ın, Irak'ta", "tr", [("Çin'in", ["CN"]), ("İran'ın", ["IR"]), ("Irak'ta", ["IQ"])]),
        ("Беларусі і Кітая", "be", [("Беларусі", ["BY"]), ("Кітая", ["CN"])]),
        ("в Словакии и Словении", "ru", [("Словакии", ["SK"]), ("Словении", ["SI"])]),
        ("李强会见了白俄罗斯代表团", "zh", [("李强", ["li-qiang"]), ("白俄罗斯", ["BY"])]),
        ("والصين وبيلاروس", "ar", [("والصين", ["CN"]), ("وبيلاروس", ["BY"])]),
    ],
)
def test_names_that_are_like_others(desk: Desk, text: str, language: str, named: list[tuple[str, list[str]]]) -> None:
    found = desk.send(text, params={"language": language})["mentions"]
    assert [(each["text"], [one["id"] for one in each["candidates"]]) for each in found] == named


@pytest.mark.parametrize("url", ["http://[::1/", "http://exa℀mple.com/", "https:///path", "http://a:99999/", "http://a:x/"])
def test_what_is_no_address_is_refused_by_documents_and_sources(desk: Desk, url: str) -> None:
    for where, body in (("documents", {"text": "x", "url": url}), ("sources", {"title": "x", "url": url})):
        answer = desk.client.post(f"/v1/{where}", json=body, headers=desk.keeper)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/url"), answer.text
    assert desk.send("x", status=422, params={"url": url})["errors"][0]["parameter"] == "url"


def test_a_quote_may_stand_in_any_text_of_its_source(desk: Desk) -> None:
    page, article = "<nav>Menu<p>Title<p>The bridge was shut.", "Title\n\nThe bridge was shut."
    texts = []
    for content, kind in ((page, "text/html"), (article, "text/plain")):
        sent = desk.send(content, headers={"Content-Type": kind})
        texts.append({"sha256": sent["sha256"], "form": "retrieved", "rule": sent["rule"]})
    source = {"id": "two-texts", "title": "Title", "texts": texts}
    assert desk.client.post("/v1/sources", json=source, headers=desk.keeper).status_code == 201
    statuses = []
    for paragraph in (1, 2, 3):
        citation = {"source": "two-texts", "paragraph": paragraph, "quote": "bridge was shut", "confidence": "stated"}
        topic = {"name": f"Shut {paragraph}", "citations": [citation]}
        statuses.append(desk.client.post("/v1/topics", json=topic, headers=desk.keeper).status_code)
    assert statuses == [422, 201, 201]


def test_names_of_several_records_are_told_apart(desk: Desk) -> None:
    for number, title in ((1, "Minister of Bridges"), (2, "Ambassador to Norland")):
        person = {"kind": "person", "id": f"ada-vantor-{number}", "name": "Ada Vantor"}
        office = {"kind": "position", "person": person["id"], "title": title, "since": "2024"}
        desk.database.load(json.dumps(person), json.dumps(office))
    (mention,) = desk.send("Ada Vantor spoke.")["mentions"]
    assert [(each["id"], each["offices"]) for each in mention["candidates"]] == [
        ("ada-vantor-1", ["Minister of Bridges"]),
        ("ada-vantor-2", ["Ambassador to Norland"]),
    ]


@pytest.mark.parametrize(
    ("content", "headers", "status", "word"),
    [
        (b"", PLAIN, 422, "has no text"),
        (b" \n ", PLAIN, 422, "has no text"),
        (b"x" * (MOST_BYTES + 1), PLAIN, 413, "1,000,000 bytes"),
        (b"x", {"Content-Type": "application/pdf"}, 415, "text/html"),
        (b"%PDF-1.4", PLAIN, 422, "PDF"),
        (b"\xff\xfe\x00", {"Content-Type": "text/plain; charset=klingon"}, 422, "charset"),
        (b'{"text": "x", "form": "word"}', {"Content-Type": "application/json"}, 422, "/form"),
        (b'{"text": "\\ud800"}', {"Content-Type": "application/json"}, 422, "/text"),
        (b"{", {"Content-Type": "application/json"}, 400, "JSON"),
    ],
)
def test_what_is_no_document_is_refused(desk: Desk, content: bytes, headers: Keys, status: int, word: str) -> None:
    assert word in json.dumps(desk.send(content, status=status, headers=headers))


def test_documents_are_not_exported_and_are_no_records(desk: Desk) -> None:
    document = desk.send("A sentence that nobody else may read.")
    assert desk.client.get("/v1/export", headers=desk.key).text.count("nobody else may read") == 0
    assert desk.client.get(f"/v1/records/{document['id']}").status_code == 404
    assert desk.database.disagreements() == []


def test_an_erasure_removes_texts_that_name_the_person(fresh: Fresh) -> None:
    database = Database(fresh())
    database.load(json.dumps({"kind": "person", "id": "ulla-terwin", "name": "Ulla Terwin"}))
    with database.client() as client:
        admin = database.key()
        sent = [
            client.post("/v1/documents", json={"text": text}, headers=admin).json()["id"]
            for text in ("The guests:\n\nulla  TERWIN of Norland.", "Nobody is named here.")
        ]
        refused = client.post("/v1/people/ulla-terwin/erase", headers=admin)
        assert (refused.status_code, sent[0] in refused.json()["detail"]) == (409, True)
        dry = client.post("/v1/people/ulla-terwin/erase", headers=admin, params={"confirmed": True, "dry_run": True})
        assert dry.json()["documents"] == [sent[0]]
        assert client.get(f"/v1/documents/{sent[0]}", headers=admin).status_code == 200
        done = client.post("/v1/people/ulla-terwin/erase", headers=admin, params={"confirmed": True})
        assert (done.status_code, done.json()["documents"]) == (200, [sent[0]])
        assert [client.get(f"/v1/documents/{each}", headers=admin).status_code for each in sent] == [410, 200]
    assert all("erwin" not in str(row).casefold() for row in database.execute("SELECT text, title, url FROM documents"))
    assert database.disagreements() == []
    database.engine.dispose()


def test_a_key_that_proposes_may_not_write(desk: Desk) -> None:
    refused = desk.client.post("/v1/topics", json={"name": "Bridges"}, headers=desk.key)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    phrases = {"text": "One. Two.", "phrases": [{"text": "Two"}]}
    assert desk.client.post("/v1/locate", json=phrases).status_code == 401
    answer = desk.client.post("/v1/locate", json=phrases, headers=desk.keeper)
    assert answer.json() == {"data": [{"text": "Two", "exactness": "found", "paragraphs": [1], "quote": "Two."}]}


# -- quotes are proved -----------------------------------------------------------------------------------------------------


def test_a_quote_is_proved_where_the_document_is_there(desk: Desk) -> None:
    text = "Opening of the bridge\n\nBoth sides opened the bridge.\n\nThey left."
    source = desk.send(text)["proposed_source"] | {"id": "bridge-news"}
    made = desk.client.post("/v1/sources", json=source, headers=desk.keeper)
    assert made.status_code == 201, made.text

    def cited(quote: str, paragraph: int = 2) -> dict[str, object]:
        citation = {"source": "bridge-news", "confidence": "stated", "quote": quote, "paragraph": paragraph}
        return {"name": "Bridges of Norland", "citations": [citation]}

    def cite(quote: str, paragraph: int = 2) -> Any:
        return desk.client.post("/v1/topics", json=cited(quote, paragraph), headers=desk.keeper, params={"dry_run": True})

    assert cite("opened the  bridge").status_code == 200
    elsewhere = cite("opened the bridge", 3)
    assert (elsewhere.status_code, elsewhere.json()["errors"][0]["pointer"]) == (422, "/citations/0/paragraph")
    assert "it stands in paragraph 2" in elsewhere.json()["detail"]
    wrong = cite("opened a bridge")
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/citations/0/quote")
    assert cite("opened the bridge", 9).status_code == 422
    line = json.dumps({"kind": "topic", "id": "norland-bridges", **cited("opened the bridge", 9)})

    def load(**query: bool) -> Any:
        headers = {**desk.keeper, "Content-Type": "application/x-ndjson"}
        return desk.client.post("/v1/import", content=line, headers=headers, params=query)

    warned = load(dry_run=True)
    assert (warned.status_code, warned.json()["created"]) == (200, 2)
    (warning,) = warned.json()["warnings"]
    assert (warning["line"], warning["pointer"]) == ("1", "/citations/0/paragraph")
    refused = load(prove=True)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/citations/0/paragraph")


LONG_TITLE = "Meeting of the Minister of Communications and Informatization with the Ambassador of the UAE to Belarus"


@pytest.mark.parametrize(
    ("plural", "body", "similar"),
    [
        ("people", {"name": "Pavel Tkach"}, ["pavel-tkach"]),
        ("people", {"name": "Павел Ткач"}, ["pavel-tkach"]),
        ("people", {"name": "P. T.", "names": [{"language": "ru", "text": "Ткач Павел", "type": "alias"}]}, ["pavel-tkach"]),
        ("people", {"name": "Pavel Tkachuk"}, []),
        ("people", {"name": "Shanghai Cooperation Organization"}, []),
        ("organizations", {"name": "Shanghai Cooperation Organisation", "type": "intergovernmental"}, ["sco"]),
        ("topics", {"name": "cybersecurity"}, ["cybersecurity"]),
        ("topics", {"name": "Cybersecurity of bridges"}, []),
        ("memoranda", {"name": "tunis commitment", "type": "declaration", "status": "adopted"}, ["tunis-commitment"]),
        ("meetings", {"name": LONG_TITLE, "type": "talks", "status": "held"}, ["by-ae-talks-2026-01-28"]),
        ("sources", {"title": "Information technologies", "publisher": "X"}, ["by-information-technologies"]),
    ],
)
def test_a_dry_run_tells_records_of_the_same_name(desk: Desk, plural: str, body: dict[str, object], similar: list[str]) -> None:
    made = desk.client.post(f"/v1/{plural}", json=body, headers=desk.keeper, params={"dry_run": True})
    assert made.status_code == 200, made.text
    assert [each["id"] for each in made.json()["similar"]] == similar


def test_what_stood_before_comes_back_without_proof(desk: Desk) -> None:
    """A restore and an undo bring back what was stored, also if a document that came later does not say it."""
    text = "The forum\n\nNobody came."
    digest = sha256(text.encode()).hexdigest()
    source = {"id": "forum-page", "title": "The forum", "texts": [{"sha256": digest, "form": "text"}]}
    assert desk.client.post("/v1/sources", json=source, headers=desk.keeper).status_code == 201
    citation = {"source": "forum-page", "paragraph": 2, "quote": "Everybody came", "confidence": "stated"}
    topic = {"id": "empty-forum", "name": "Empty forum", "citations": [citation]}
    assert desk.client.post("/v1/topics", json=topic, headers=desk.keeper).status_code == 201
    desk.send(text)
    (stored,) = desk.client.get("/v1/topics/empty-forum?include=citations").json()["citations"]
    sent_back = {"name": "An empty forum", "citations": [stored]}
    put = desk.client.put("/v1/topics/empty-forum", json=sent_back, headers=desk.keeper, params={"upsert": True})
    assert put.status_code == 200, "the citation is not new"
    deleted = desk.client.delete("/v1/topics/empty-forum", headers={**desk.keeper, "If-Match": "*"})
    assert deleted.status_code == 204
    restored = desk.client.post("/v1/topics/empty-forum/restore", headers=desk.keeper)
    assert restored.status_code == 200, restored.text
    assert desk.client.get("/v1/citations", params={"record": "empty-forum"}).json()["data"][0]["quote"] == "Everybody came"


@pytest.mark.parametrize("mark", ["url", "texts", "series"])
def test_what_is_there_already_is_told(desk: Desk, mark: str) -> None:
    """The same address or digest of a source, the same series and ordinal of a meeting."""
    digest = sha256(mark.encode()).hexdigest()
    of_source: dict[str, object] = {"url": f"https://example.org/{mark}", "texts": [{"sha256": digest}]}
    if mark == "series":
        desk.client.put("/v1/series/bridge-days", json={"name": "Bridge Days"}, headers=desk.keeper, params={"upsert": True})
        plural = "meetings"
        first: dict[str, object] = {"name": "Days of bridges", "type": "forum", "series": "bridge-days", "ordinal": 3}
        again: dict[str, object] = first | {"name": "3rd Bridge Days"}
    else:
        first, plural = {"title": f"Page {mark}", **of_source}, "sources"
        again = {"title": "Another title", mark: of_source[mark]}
    made = desk.client.post(f"/v1/{plural}", json=first, headers=desk.keeper)
    assert made.status_code == 201, made.text
    refused = desk.client.post(f"/v1/{plural}", json=again, headers=desk.keeper)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert made.json()["id"] in refused.json()["detail"]
    assert "similar=allow" in refused.json()["detail"]
    line = json.dumps({"kind": plural.removesuffix("s"), "id": f"again-{mark}", **again})
    headers = {**desk.keeper, "Content-Type": "application/x-ndjson"}
    report = desk.client.post("/v1/import", content=line, headers=headers, params={"dry_run": True}).json()
    assert (report["created"], len(report["warnings"])) == (1, 1)
    put = desk.client.put(f"/v1/{plural}/put-{mark}", json=again, headers=desk.keeper, params={"dry_run": True})
    assert put.status_code == 200
    allowed = desk.client.post(f"/v1/{plural}", json=again, headers=desk.keeper, params={"similar": "allow"})
    assert allowed.status_code == 201


@pytest.mark.parametrize("marks", ["\u0301" * 31, "\u0301\u0323" * 5_000, "x" + "\u064b\u0651" * 4_000])
@pytest.mark.parametrize(
    ("plural", "body", "pointer"),
    [
        ("topics", {"name": "{}"}, "/name"),
        ("people", {"name": "Ada", "names": [{"language": "en", "text": "{}", "type": "alias"}]}, "/names/0/text"),
        ("meetings", {"name": "Talks", "type": "talks", "city": "{}"}, "/city"),
    ],
)
def test_records_take_no_letters_with_too_many_marks(desk: Desk, marks: str, plural: str, body: Any, pointer: str) -> None:
    """They are refused before they are composed, which would hold up everybody else."""
    sent = json.loads(json.dumps(body, ensure_ascii=False).replace("{}", marks))
    answer = desk.client.post(f"/v1/{plural}", json=sent, headers=desk.keeper)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0] == {"pointer": pointer, "detail": "has more than 30 accents or other marks on one letter"}
