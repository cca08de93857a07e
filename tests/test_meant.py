"""What people type and clients send is understood as it was meant, or refused with what to send instead."""

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import Database
from tests.test_search import ids, search

JSON = {"Content-Type": "application/json"}
PATCH = {"Content-Type": "application/merge-patch+json"}
LINES = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def desk(database: Database) -> Iterator[TestClient]:
    """A client that may write to a registry with the first data set."""
    database.seed()
    with database.client() as client:
        client.headers.update(database.key())
        yield client


def made(desk: TestClient, path: str, **content: Any) -> dict[str, Any]:
    answer = desk.post(path, json=content)
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


def refused(answer: Any, status: int = 422) -> list[dict[str, str]]:
    assert answer.status_code == status, answer.text
    faults: list[dict[str, str]] = answer.json()["errors"]
    return faults


# -- texts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("Tu\u0308rkiye", "TR"),
        ("Зале\u0301сский", "kirill-zalessky"),
        ("Зал\u00adесский", "kirill-zalessky"),
        ("Зал\u200dесский", "kirill-zalessky"),
        ("Зал\u200cес\u200bский", "kirill-zalessky"),
        ("\ufeffЗалесский", "kirill-zalessky"),
        ("بِيلارُوس", "BY"),
        ("بيــلاروس", "BY"),
    ],
)
def test_marks_and_invisible_characters_belong_to_the_word(client: TestClient, typed: str, first: str) -> None:
    assert ids(search(client, typed))[0] == first


def test_stored_texts_are_composed_and_trimmed(desk: TestClient) -> None:
    record = made(desk, "/v1/meetings", name="\t Tu\u0308rkiye \u200b", city=" Go\u0308ttingen\n")
    assert (record["name"], record["city"]) == ("T\u00fcrkiye", "G\u00f6ttingen")
    composed = made(desk, "/v1/people", name="J\u00fcrgen M\u00fcller")
    decomposed = made(desk, "/v1/people", name="Ju\u0308rgen Mu\u0308ller\u00a0")
    assert composed["name"] == decomposed["name"]
    assert ids(search(desk, "Ju\u0308rgen M\u00fcller"))[:2] in (
        [composed["id"], decomposed["id"]],
        [decomposed["id"], composed["id"]],
    )
    found = desk.get("/v1/meetings", params={"city": "Go\u0308ttingen"}).json()["data"]
    assert [each["id"] for each in found] == [record["id"]]


@pytest.mark.parametrize("name", ["\u200b", " \t\u00a0", "\u00ad\ufeff", "\u2060\u200d"])
def test_a_name_that_nobody_sees_is_no_name(desk: TestClient, name: str) -> None:
    (fault,) = refused(desk.post("/v1/people", json={"name": name}))
    assert fault == {"pointer": "/name", "detail": "is empty: write a value, or leave it out"}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/v1/people", {"name": "LONG", "sort_name": "LONG"}),
        ("/v1/meetings", {"name": "LONG", "city": "LONG", "venue": "LONG", "theme": "LONG"}),
        ("/v1/sources", {"title": "LONG", "publisher": "LONG", "author": "LONG"}),
        ("/v1/participants", {"meeting": "sco-ict-2025", "role": "participant", "group": "LONG", "capacity": "LONG"}),
        ("/v1/positions", {"person": "pavel-tkach", "title": "LONG"}),
    ],
)
def test_texts_of_any_length_are_stored_alike(desk: TestClient, path: str, content: dict[str, str]) -> None:
    random = Random(7)
    long = "".join(random.choices("абвгдежзиклмнопрстуфхцчшщыэюя ", k=9_000)).strip()
    record = made(desk, path, **{name: long if value == "LONG" else value for name, value in content.items()})
    assert all(record[name] == long for name, value in content.items() if value == "LONG")


def test_what_is_said_twice_is_kept_once(desk: TestClient) -> None:
    name = {"language": "en", "text": "Doubled talks", "type": "official"}
    identifier = {"scheme": "x", "identifier": "1"}
    topics = ["cybersecurity", "cybersecurity"]
    content = {"name": "Doubled talks", "topics": topics, "names": [name, name], "identifiers": [identifier, identifier]}
    record = made(desk, "/v1/meetings", **content)
    line = json.dumps({"kind": "meeting", "id": "doubled-line", **content, "identifiers": []})
    assert desk.post("/v1/import", content=line, headers=LINES).status_code == 200
    for each in (record, desk.get("/v1/meetings/doubled-line").json()):
        assert [len(each["topics"]), len(each["names"])] == [1, 1]
    assert len(record["identifiers"]) == 1


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("RU", "ru"),
        ("rus", "ru"),
        ("zh-hans", "zh-Hans"),
        ("zh_CN", "zh-CN"),
        ("be-tarask", "be-tarask"),
        ("ca-VALENCIA", "ca-valencia"),
        ("en-us", "en-US"),
        ("sr-latn-rs", "sr-Latn-RS"),
        ("cmn-Hant-TW", "zh-Hant-TW"),
        ("uzn", "uz"),
    ],
)
def test_language_tags_are_written_in_any_case(desk: TestClient, sent: str, stored: str) -> None:
    record = made(
        desk, "/v1/people", name="Ada", language=sent, names=[{"language": sent, "text": "Ada B", "type": "official"}]
    )
    assert (record["language"], record["names"][0]["language"]) == (stored, stored)


@pytest.mark.parametrize("sent", ["русский", "x-klingon", "e", "en--us", "abcdefgh", ""])
def test_what_is_no_language_tag_is_refused(desk: TestClient, sent: str) -> None:
    faults = refused(desk.post("/v1/people", json={"name": "Ada", "language": sent}))
    assert faults[0]["pointer"] == "/language"


def test_a_name_is_shown_to_all_readers_of_its_language(desk: TestClient) -> None:
    def shown(record: dict[str, Any], lang: str) -> str:
        return str(desk.get(f"/v1/people/{record['id']}", params={"lang": lang}).json()["name"])

    def named(**texts: str) -> dict[str, Any]:
        names = [{"language": tag.replace("_", "-"), "text": text, "type": "official"} for tag, text in texts.items()]
        return made(desk, "/v1/people", name="Ada", names=names)

    one = named(zh_Hans="简", pt_BR="Ada do Brasil", rus="Ада")
    assert [shown(one, lang) for lang in ("zh", "zh-CN", "zh-Hans", "zh-TW", "pt", "pt-PT", "ru", "rus")] == [
        *("简", "简", "简", "简"),
        *("Ada do Brasil", "Ada do Brasil", "Ада", "Ада"),
    ]
    both = named(zh_Hans="简", zh_Hant="繁")
    assert [shown(both, lang) for lang in ("zh", "zh-CN", "zh-SG", "zh-TW", "zh-HK", "zh-Hant")] == [
        "简",
        "简",
        "简",
        *["繁"] * 3,
    ]
    plain = named(zh_Hant="繁", zh="中")
    assert [shown(plain, lang) for lang in ("zh", "zh-CN", "zh-TW")] == ["中", "中", "繁"]


# -- search ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("Лукашенко А.Г.", "aleksandr-lukashenko"),
        ("А. Г. Лукашенко", "aleksandr-lukashenko"),
        ("А.Лукашенко", "aleksandr-lukashenko"),
        ("Ткач П.А.", "pavel-tkach"),
        ("P. Tkach", "pavel-tkach"),
        ("Шапкина Ю. А.", "yu-a-shapkina"),
        ("S.C.O.", "sco"),
        ("Ш.О.С.", "sco"),
        ("О.А.Э.", "AE"),
        ("U.A.E.", "AE"),
        ("u. a. e.", "AE"),
        ("Shanghai Co-operation Organisation", "sco"),
        ("cyber security", "cybersecurity"),
        ("cyber-security", "cybersecurity"),
        ("кибер-безопасность", "cybersecurity"),
        ("кибер безопасности", "cybersecurity"),
        ("Euro-Asian", "eaeu"),
        ("Шермотов", "sherzod-shermatov"),
        ("Шерматво", "sherzod-shermatov"),
        ("Zalesksy", "kirill-zalessky"),
        ("Павла Ткача", "pavel-tkach"),
        ("Павлом Ткачом", "pavel-tkach"),
        ("КНР", "CN"),
        ("США", "US"),
        ("РФ", "RU"),
        ("РК", "KZ"),
        ("UK", "GB"),
        ("UAE", "AE"),
        ("PRC", "CN"),
        ("the US", "US"),
        ("Republic of Belarus", "BY"),
        ("Belarus Cumhuriyeti", "BY"),
        ("Республики Беларусь", "BY"),
        ("белорусский", "BY"),
        ("Çin Halk Cumhuriyeti", "CN"),
    ],
)
def test_what_is_typed_otherwise_finds_what_is_meant(client: TestClient, typed: str, first: str) -> None:
    assert ids(search(client, typed))[0] == first


def test_a_word_that_sounds_alike_is_no_initial(database: Database) -> None:
    database.load(
        '{"kind":"person","id":"anna-orlova","name":"Анна Орлова"}',
        '{"kind":"person","id":"vera-orlova","name":"Вера Орлова"}',
    )
    with database.client() as client:
        assert ids(search(client, "Орлова А.")) == ["anna-orlova"]
        assert ids(search(client, "V. Orlova")) == ["vera-orlova"]
        assert set(ids(search(client, "Орлова"))) == {"anna-orlova", "vera-orlova"}


def test_words_with_hyphens_meet_in_text_and_query(database: Database) -> None:
    names = {"a": "Forum on Co-operation", "b": "Forum on cooperation", "c": "Сине-зелёный форум", "d": "DigitalBridge 2025"}
    database.load(*(json.dumps({"kind": "meeting", "id": f"meeting-{key}", "name": name}) for key, name in names.items()))
    with database.client() as client:
        for typed in (
            "co-operation",
            "cooperation",
            "Co‑operation",
            "co-operat*",
            "cooperat*",
            '"on cooperation"',
            '"on co-operation"',
        ):
            assert set(ids(search(client, typed))) == {"meeting-a", "meeting-b"}
        assert ids(search(client, "синезелёного")) == ["meeting-c"]
        assert ids(search(client, "digital-bridge"))[:1] == ["meeting-d"]
        assert ids(search(client, "Digital Bridge"))[:1] == ["meeting-d"]


@pytest.fixture(scope="module")
def offices(fresh: Any) -> Iterator[TestClient]:
    """A registry of people with offices, and of meetings in which they took part."""
    database = Database(fresh())
    lines = """
        {"kind":"country","id":"BY","alpha_3":"BLR","numeric":"112","name":"Belarus",
         "names":[{"language":"ru","text":"Беларусь","type":"short"},{"language":"en","text":"Belarusian","type":"adjective"}]}
        {"kind":"country","id":"UZ","alpha_3":"UZB","numeric":"860","name":"Uzbekistan",
         "names":[{"language":"ru","text":"Узбекистан","type":"short"}]}
        {"kind":"organization","id":"by-mci","name":"Министерство связи и информатизации","country":"BY","type":"ministry"}
        {"kind":"person","id":"konstantin-orlan","name":"Константин Орлан"}
        {"kind":"person","id":"pavel-rell","name":"Павел Релл"}
        {"kind":"person","id":"oybek-karim","name":"Ойбек Карим"}
        {"kind":"position","id":"p1","person":"konstantin-orlan","organization":"by-mci","since":"2018",
         "title":"Министр связи и информатизации","language":"ru"}
        {"kind":"position","id":"p2","person":"pavel-rell","country":"BY",
         "title":"Первый заместитель министра связи","language":"ru"}
        {"kind":"position","id":"p3","person":"oybek-karim","country":"UZ","title":"Министр связи","language":"ru"}
        {"kind":"meeting","id":"talks-geneva","name":"Talks","city":"Geneva","date":"2025-07-08"}
        {"kind":"meeting","id":"talks-geneva-2024","name":"Talks","city":"Geneva","date":"2024-07-08"}
        {"kind":"meeting","id":"talks-minsk","name":"Talks","city":"Minsk","date":"2025-03-01"}
        {"kind":"participant","id":"t1","meeting":"talks-geneva","person":"pavel-rell","country":"BY","role":"speaker",
         "capacity":"Ambassador at Large","language":"en"}
        {"kind":"participant","id":"t2","meeting":"talks-minsk","person":"oybek-karim","country":"UZ","role":"participant"}
    """
    database.load(*re.sub(r",\n\s+", ",", lines).strip().splitlines())
    with database.client() as client:
        yield client
    database.engine.dispose()


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("министр связи Беларуси", "konstantin-orlan"),
        ("министр связи Узбекистана", "oybek-karim"),
        ("первый заместитель министра связи", "pavel-rell"),
        ("министром связи и информатизации Константином Орланом", "konstantin-orlan"),
        ("министр Орлан", "konstantin-orlan"),
        ("Belarusian ambassador", "pavel-rell"),
        ("Релл Женева", "talks-geneva"),
        ("Rell Geneva 2025", "talks-geneva"),
        ("Карим Минск", "talks-minsk"),
        ("Талкс Geneva 2024", "talks-geneva-2024"),
    ],
)
def test_offices_lead_to_people_and_people_to_their_meetings(offices: TestClient, typed: str, first: str) -> None:
    found = search(offices, typed)
    assert ids(found)[0] == first
    scores = [hit["score"] for hit in found["data"]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("typed", ["министр Карамазов Берлин", "Орлан Берлин 1999 связи", "Talks Talks2 Geneva"])
def test_scores_fall_also_where_nothing_has_all_words(offices: TestClient, typed: str) -> None:
    found = search(offices, typed)
    scores = [hit["score"] for hit in found["data"]]
    assert found["relaxed"]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) > 1


def test_a_hit_by_an_office_shows_the_office(offices: TestClient) -> None:
    hit = search(offices, "министр связи Беларуси")["data"][0]
    assert (hit["name"], hit["matched"]["tier"], hit["matched"]["field"]) == ("Константин Орлан", "holder", "title")
    assert hit["snippet"].startswith("<mark>Министр</mark> <mark>связи</mark>")
    assert "konstantin-orlan" not in ids(search(offices, "министр связи Беларуси", kind="meeting"))
    assert ids(search(offices, "министр связи Беларуси", kind="person"))[0] == "konstantin-orlan"


def test_a_hit_on_a_link_record_shows_the_records_it_links(offices: TestClient) -> None:
    (hit,) = search(offices, "Ambassador", kind="participant")["data"]
    assert [(each["field"], each["id"], each["kind"], each["name"]) for each in hit["linked"]] == [
        ("meeting", "talks-geneva", "meeting", "Talks"),
        ("person", "pavel-rell", "person", "Павел Релл"),
        ("country", "BY", "country", "Belarus"),
    ]
    assert all(hit["linked"] == [] for hit in search(offices, "Talks")["data"])
    for hit in search(offices, kind="position")["data"]:
        named = [each["id"] for each in hit["linked"]]
        assert named
        assert len(set(named)) == len(named), "the holder is named once"


def test_equal_hits_stand_in_the_order_of_how_well_they_fit(database: Database) -> None:
    names = ["Digital economy forum of the cities of the north", "Forum of the digital economy", "Digital economy forum 2019"]
    database.load(
        *(
            json.dumps({"kind": "meeting", "id": f"forum-{place}", "name": name, "date": f"202{place}"})
            for place, name in enumerate(names)
        )
    )
    with database.client() as client:
        found = search(client, "digital economy forum")
        assert ids(found) == ["forum-1", "forum-2", "forum-0"]
        assert [hit["score"] for hit in found["data"]] == [75, 74, 73]


def test_search_knows_who_takes_part(client: TestClient) -> None:
    took_part = {each["id"] for each in client.get("/v1/meetings?participant=AE&limit=200").json()["data"]}
    assert set(ids(search(client, participant="AE", kind="meeting", limit=100))) == took_part
    between = {each["id"] for each in client.get("/v1/meetings?between=BY,CN&limit=200").json()["data"]}
    assert set(ids(search(client, between="BY,CN", kind="meeting", limit=100))) == between
    assert set(ids(search(client, between="by,chn", kind="meeting", limit=100))) == between
    assert set(ids(search(client, "Tkach", participant="pavel-tkach", limit=100))) <= set(
        ids(search(client, "Tkach", limit=100))
    )
    for query, parameter in (
        ("participant=nobody", "participant"),
        ("between=BY", "between"),
        ("between=BY,nobody", "between"),
    ):
        (fault,) = refused(client.get(f"/v1/search?{query}"))
        assert fault["parameter"] == parameter


def test_what_was_done_on_a_day_is_found_without_words(client: TestClient) -> None:
    found = search(client, date_from="2026-01-28", date_to="2026-01-28", limit=100)["data"]
    done = [hit for hit in found if hit["kind"] == "action"]
    assert {hit["name"] for hit in done} >= {"reviewed"}
    assert all(hit["linked"][0]["field"] == "of" for hit in done)
    assert not {hit["kind"] for hit in found} & {"participant", "party", "citation", "position"}


# -- clients ---------------------------------------------------------------------------------------------------------------


def test_a_cursor_is_short_whatever_the_sort_value(desk: TestClient) -> None:
    random = Random(7)
    for _ in range(4):
        made(desk, "/v1/people", name="Я" + "".join(random.choices("абвгдежз\U0001f600", k=9_000)))
    address = "/v1/people?sort=-name&limit=1&lang=ru"
    walked = []
    while address:
        assert len(address) < 4_000
        page = desk.get(address).json()
        walked += [each["id"] for each in page["data"]]
        address = page["links"].get("next")
    assert len(walked) == len(set(walked)) == desk.get("/v1/people?count=true").json()["page"]["total"]


@pytest.mark.parametrize("tag", ["W/{}", "{}", '"x", W/{}'])
@pytest.mark.parametrize("ending", ["", "-gzip", ";gzip", "-br", "-zstd"])
def test_tags_that_proxies_changed_are_understood(desk: TestClient, tag: str, ending: str) -> None:
    etag = desk.get("/v1/people/pavel-tkach").headers["etag"]
    sent = tag.format(f'{etag[:-1]}{ending}"')
    answer = desk.patch("/v1/people/pavel-tkach", json={"summary": "New"}, headers={**PATCH, "If-Match": sent})
    assert answer.status_code == 200, answer.text
    again = desk.patch("/v1/people/pavel-tkach", json={"summary": "Newer"}, headers={**PATCH, "If-Match": sent})
    assert (again.status_code, again.json()["code"]) == (412, "precondition_failed")


@pytest.mark.parametrize("tag", ['"abc"', 'W/"5f3-deadbeef"', '"x", "y"'])
def test_a_tag_of_another_making_is_told_as_such(desk: TestClient, tag: str) -> None:
    current = desk.get("/v1/people/pavel-tkach").headers["etag"]
    answer = desk.patch("/v1/people/pavel-tkach", json={"summary": "New"}, headers={**PATCH, "If-Match": tag})
    (fault,) = refused(answer, 412)
    assert answer.json()["code"] == "tag_unknown"
    assert fault == {"header": "If-Match", "detail": f"is of another making; the current tag is {current}"}
    assert desk.patch("/v1/people/pavel-tkach", json={}, headers={**PATCH, "If-Match": current}).status_code == 200


def test_a_byte_order_mark_is_no_part_of_a_body(desk: TestClient) -> None:
    mark = b"\xef\xbb\xbf"
    assert desk.post("/v1/people", content=mark + b'{"name":"Ada Bom"}', headers=JSON).status_code == 201
    lines = (
        mark + b'{"kind":"person","id":"bom-1","name":"Bom One"}\r\n' + mark + b'{"kind":"person","id":"bom-2","name":"B"}\n'
    )
    assert desk.post("/v1/import", content=lines, headers=LINES).json()["created"] == 2
    etag = desk.get("/v1/people/bom-1").headers["etag"]
    patched = desk.patch("/v1/people/bom-1", content=mark + b'{"summary":"x"}', headers={**PATCH, "If-Match": etag})
    assert patched.json()["summary"] == "x"


def test_an_import_names_some_faults_of_each_sort(desk: TestClient) -> None:
    lines = [json.dumps({"kind": "meeting", "id": f"m-{n}", "name": "M", "date": "20.20"}) for n in range(300)]
    lines += [json.dumps({"kind": "person", "id": f"p-{n}", "name": "P", "colour": "red"}) for n in range(20)]
    faults = refused(desk.post("/v1/import", content="\n".join(lines), headers=LINES))
    assert [fault["pointer"] for fault in faults].count("/date") == 11
    assert {"and 290 more faults like this one", "and 10 more faults like this one"} <= {fault["detail"] for fault in faults}
    assert {fault["pointer"] for fault in faults} == {"/date", "/colour"}


def test_an_array_that_is_null_is_empty(desk: TestClient) -> None:
    content = {"name": "Null Arrays", "names": None, "topics": None, "identifiers": None}
    answer = desk.put("/v1/people/null-arrays", json=content, headers={"If-None-Match": "*"})
    assert (answer.status_code, answer.json()["names"], answer.json()["topics"]) == (201, [], [])
    faults = refused(desk.put("/v1/people/null-others", json={**content, "name": None}, headers={"If-None-Match": "*"}))
    assert [fault["pointer"] for fault in faults] == ["/name"]


@pytest.mark.parametrize(
    ("name", "plural"),
    [
        *(("agreements", "memoranda"), ("treaties", "memoranda"), ("instruments", "memoranda"), ("MoUs", "memoranda")),
        *(("events", "meetings"), ("conferences", "meetings"), ("persons", "people"), ("person", "people")),
        *(("mou", "memoranda"), ("Treaty", "memoranda"), ("MEETINGS", "meetings"), ("protocols", "memoranda")),
        *(("delegates", "participants"), ("organisations", "organizations"), ("states", "countries"), ("articles", "sources")),
    ],
)
def test_a_collection_is_told_by_its_other_names(client: TestClient, name: str, plural: str) -> None:
    answer = client.get(f"/v1/{name}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"there is no collection {name!r}; these records are in /v1/{plural}"
    assert plural in client.get("/v1/nonsense").json()["detail"]


def test_a_lost_plus_is_explained(client: TestClient) -> None:
    (fault,) = refused(client.get("/v1/people?updated_since=2026-11-29T10:00:00+03:00"))
    assert "%2B" in fault["detail"]
    assert client.get("/v1/people?updated_since=2026-11-29T10:00:00%2B03:00").status_code == 200


@pytest.mark.parametrize("number", ["1_0", "1e1", "٣", " 5", "0x10", "9" * 5_000, "5.0"])
@pytest.mark.parametrize("path", ["/v1/people", "/v1/search", "/v1/suggest", "/v1/changes", "/v1/people/pavel-tkach/history"])
def test_a_limit_is_written_in_digits(client: TestClient, path: str, number: str) -> None:
    words = {"q": "x"} if path in ("/v1/search", "/v1/suggest") else {}
    faults = refused(client.get(path, params={**words, "limit": number}))
    assert [fault["detail"] for fault in faults] == [f"{number[:20]!r} is no whole number: write digits, such as 50"]


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://news.example/a", "https://news.example/a#:~:text=eight%20words"),
        ("https://news.example/a#part", "https://news.example/a#part:~:text=eight%20words"),
        ("https://news.example/a#:~:text=other", "https://news.example/a#:~:text=other&text=eight%20words"),
        ("https://news.example/a#part:~:text=other", "https://news.example/a#part:~:text=other&text=eight%20words"),
    ],
)
def test_an_address_has_one_fragment_directive(desk: TestClient, url: str, link: str) -> None:
    made(desk, "/v1/sources", id="news", title="News", url=url)
    cited = made(
        desk, "/v1/citations", record="pavel-tkach", source="news", paragraph=1, quote="eight words", confidence="stated"
    )
    assert cited["link"] == link


def test_included_records_come_with_their_citations(client: TestClient) -> None:
    path = "/v1/meetings/sco-ict-2025"
    plain = client.get(f"{path}?include=participants").json()["participants"]
    with_citations = client.get(f"{path}?include=participants.citations").json()["participants"]
    assert [each["id"] for each in with_citations] == [each["id"] for each in plain]
    assert all("citations" not in each for each in plain)
    for each in with_citations:
        own = client.get(f"/v1/participants/{each['id']}?include=citations").json()["citations"]
        assert [cited["id"] for cited in each["citations"]] == [cited["id"] for cited in own]
    assert any(each["citations"] for each in with_citations)
    assert client.get("/v1/meetings?include=actions.citations&limit=3").status_code == 200
    assert client.get("/v1/meetings?include=participants.citations&format=csv").status_code == 422


def test_an_undated_signing_comes_before_what_followed(database: Database) -> None:
    database.load(
        '{"kind":"memorandum","id":"pact","name":"Pact"}',
        *(
            json.dumps({"kind": "action", "of": "pact", "type": type_, **({"date": date} if date else {})})
            for type_, date in (("reviewed", "2021"), ("signed", None), ("entered_into_force", "2019-05"), ("ended", None))
        ),
    )
    with database.client() as client:
        actions = client.get("/v1/memoranda/pact?include=actions").json()["actions"]
    assert [each["type"] for each in actions] == ["signed", "entered_into_force", "reviewed", "ended"]


def test_fields_may_name_related_records(client: TestClient) -> None:
    answer = client.get("/v1/memoranda/by-cn-ict-mou-2024?fields=name,actions").json()
    assert set(answer) == {"id", "name", "actions"}
    assert answer["actions"] == client.get("/v1/memoranda/by-cn-ict-mou-2024?include=actions").json()["actions"]


# -- what editors write ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        ({"name": "M", "series": "wsi"}, {"/series": "there is no series 'wsi'; near to it: wsis"}),
        (
            {"name": "M", "part_of": "sco-ict-2052"},
            {"/part_of": "there is no meeting 'sco-ict-2052'; near to it: sco-ict-2025"},
        ),
        ({"name": "M", "country": "Belarus"}, {}),
    ],
)
def test_missing_ids_name_what_is_near(desk: TestClient, content: dict[str, str], faults: dict[str, str]) -> None:
    told = {fault["pointer"]: fault["detail"] for fault in refused(desk.post("/v1/meetings", json=content))}
    assert all(told[pointer].startswith(detail) for pointer, detail in faults.items())


def test_an_id_is_cut_between_words(desk: TestClient) -> None:
    name = "Fourth Meeting of the Heads of Ministries and Departments of the Member States of the Organization"
    assert made(desk, "/v1/meetings", name=name)["id"] == "fourth-meeting-of-the-heads-of-ministries-and-departments-of"


def test_a_cited_value_of_a_reference_is_a_record(desk: TestClient) -> None:
    said = {"source": "mpt-2026-uae", "paragraph": 1, "quote": "x", "confidence": "stated", "record": "sco-ict-2025"}
    (fault,) = refused(desk.post("/v1/citations", json={**said, "field": "series", "value": "wsi"}))
    assert fault["pointer"] == "/value"
    assert fault["detail"].startswith("there is no series 'wsi'; near to it: wsis")
    assert refused(desk.post("/v1/citations", json={**said, "field": "country", "value": "sco"}))[0]["pointer"] == "/value"
    assert made(desk, "/v1/citations", **said, field="country", value="KZ")["value"] == "KZ"
    assert made(desk, "/v1/citations", **{**said, "quote": "y"}, field="city", value="Qaramay")["value"] == "Qaramay"
    lines = [
        {"kind": "series", "id": "mist-talks", "name": "Mist talks"},
        {"kind": "citation", **said, "quote": "z", "field": "series", "value": "mist-talks"},
    ]
    answer = desk.post("/v1/import", content="\n".join(map(json.dumps, lines)), headers=LINES)
    assert answer.status_code == 200, answer.text
