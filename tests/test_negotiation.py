"""Which format and which language an answer has, for any Accept and Accept-Language header."""

import json
import re

import langcodes
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.domain.languages import MAX_LANGUAGES, looked_for
from app.domain.vocabulary import Kind
from app.errors import NotAcceptable
from app.http.negotiation import negotiated, requested_languages
from app.http.representations import REPRESENTATIONS, of_lists

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
"""Postgres' pool draws from that module in a thread of its own, now and then while a strategy does its work."""

many = settings(derandomize=True, deadline=None, max_examples=150)

OFFERED = tuple(each.name for each in REPRESENTATIONS)
MEDIA = {each.name: each.media_type for each in REPRESENTATIONS}
TAG = re.compile(r"[a-z]{1,8}(-([A-Z][a-z]{3}|[A-Z]{2}|[A-Z]\d|\d[A-Z]|[a-z0-9]{1,8}|\d[a-z0-9]{3}))*", re.IGNORECASE)

media_ranges = st.sampled_from(
    [*MEDIA.values(), *MEDIA.values(), "application/*", "text/*", "*/*", "text/html", "application/xml", "image/png"]
)
qualities = st.sampled_from(["", ";q=1", ";q=1.0", ";q=0.5", "; q=0.9", ";q=0.001", ";q=0", ";q=0.000", " ; Q=0.3"])
accepts = st.lists(st.tuples(media_ranges, qualities), min_size=1, max_size=5, unique_by=lambda part: part[0])


def quality(text: str) -> float:
    """What `;q=…` says; 1 without it."""
    return float(text.partition("=")[2] or 1)


def negotiated_format(accept: str, *, offered: tuple[str, ...]) -> str:
    """The name of the representation that is negotiated among those of these names."""
    return negotiated(accept, *(each for each in REPRESENTATIONS if each.name in offered)).name


def preferred(parts: list[tuple[str, str]], offered: tuple[str, ...]) -> set[str]:
    """The formats of the highest quality, where the most specific range that fits a format decides (RFC 9110, 12.5.1)."""
    given_qualities = {media: quality(text) for media, text in parts}
    found = {}
    for name in offered:
        media = MEDIA[name]
        fitting = [each for each in (media, media.split("/")[0] + "/*", "*/*") if each in given_qualities]
        found[name] = given_qualities[fitting[0]] if fitting else 0.0
    best = max(found.values())
    return {name for name, value in found.items() if value == best > 0}


@many
@given(parts=accepts, blank=st.sampled_from([",", ", ", " ,  "]), offered=st.sampled_from([OFFERED, ("json",)]))
@example(parts=[("application/json", ";q=0"), ("*/*", "")], blank=", ", offered=OFFERED)
@example(parts=[("*/*", ""), ("application/json", ";q=0.5")], blank=", ", offered=OFFERED)
@example(parts=[("text/csv", ";q=0"), ("text/*", "")], blank=", ", offered=OFFERED)
@example(parts=[("application/json", ";q=0"), ("application/*", "")], blank=", ", offered=OFFERED)
def test_the_format_is_one_that_the_header_prefers(parts: list[tuple[str, str]], blank: str, offered: tuple[str, ...]) -> None:
    header = blank.join(media + text for media, text in parts)
    wanted = preferred(parts, offered)
    if wanted:
        assert negotiated_format(header, offered=offered) in wanted
    else:
        with pytest.raises(NotAcceptable) as raised:
            negotiated_format(header, offered=offered)
        assert all(MEDIA[name] in raised.value.detail for name in offered)


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("application/*", "json"),
        ("text/*", "csv"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"),
        ("text/csv", "csv"),
        ("TEXT/CSV", "csv"),
        ("text/csv; charset=utf-8; header=present", "csv"),
        ("application/json; charset=utf-8", "json"),
        ("text/csv;q=0.5, application/x-ndjson;q=0.8", "ndjson"),
        ("text/csv;q=0.5, application/x-ndjson;q=0.8, application/json", "json"),
        ("text/csv, */*;q=0.1", "csv"),
        ("text/html, text/csv;q=0.2", "csv"),
        (", text/csv,,", "csv"),
        ("text/csv;q=high, application/json;q=0.1", "json"),
    ],
)
def test_usual_headers_get_what_their_clients_expect(header: str, form: str) -> None:
    assert negotiated_format(header, offered=OFFERED) == form


@many
@given(
    header=st.text(max_size=40) | st.text("aplictonjsv/x-*,;q=01. +", max_size=60),
    offered=st.sampled_from([OFFERED, ("json",)]),
)
@example(header="text/csv;q=nan", offered=OFFERED)
@example(header="text/csv;q=inf, application/json", offered=OFFERED)
@example(header=";;;,,,;q=", offered=OFFERED)
@example(header="*/*;q=-1", offered=OFFERED)
def test_any_header_gets_a_format_or_not_acceptable(header: str, offered: tuple[str, ...]) -> None:
    try:
        form = negotiated_format(header, offered=offered)
    except NotAcceptable as refusal:
        detail = refusal.detail
    else:
        detail = ", ".join(MEDIA[name] for name in offered)
        assert form in offered
    assert all(MEDIA[name] in detail for name in offered)


languages = st.builds(
    "{}{}{}".format,
    st.sampled_from(["en", "ru", "be", "zh", "KK", "uz", "Tr", "aze"]),
    st.sampled_from(["", "", "-hans", "-Latn", "-CYRL"]),
    st.sampled_from(["", "", "-by", "-CN", "-Kz"]),
)
weights = st.sampled_from(["", ";q=1", ";q=0.5", "; q=0.9", ";q=0.001", ";q=0.123", ";q=0", ";q=0.0"])
wishes = st.lists(st.tuples(languages | st.just("*"), weights), max_size=6)


def with_more_general(tag: str) -> list[str]:
    """A tag as BCP 47 writes it, with the tags that are more general, the script that is usual in a region among them."""
    subtags = langcodes.standardize_tag(tag).split("-")
    several = ["-".join(subtags[:length]) for length in range(len(subtags), 0, -1)]
    if len(subtags) > 1 and len(subtags[1]) == 2:
        script = langcodes.Language.get("-".join(subtags[:2])).maximize().script
        several.insert(-1, f"{subtags[0]}-{script}")
    return several


@many
@given(parts=wishes)
@example(parts=[("en", ";q=0.5"), ("ru-BY", ""), ("zh-hans-cn", "; q=0.9")])
def test_languages_come_by_preference_each_with_what_it_generalizes_to(parts: list[tuple[str, str]]) -> None:
    by_quality = sorted((part for part in parts if part[0] != "*" and quality(part[1]) > 0), key=lambda part: -quality(part[1]))
    wanted: list[str] = []
    for tag, _ in by_quality:
        wanted += with_more_general(tag)
    unique = list(dict.fromkeys(wanted))[:MAX_LANGUAGES]
    assert requested_languages(None, ", ".join(tag + weight for tag, weight in parts)) == unique


@many
@given(header=st.text(max_size=60) | st.text("enru-BY*,;q=01. ", max_size=80))
@example(header=",".join(["en-x-a-b-c-d"] * 100))
@example(header="en;q=2, ru;q=0.5555")
@example(header="日本, ru")
def test_any_text_asks_for_languages_or_for_none(header: str) -> None:
    """What cannot be read is passed over."""
    found = requested_languages(None, header)
    assert len(found) == len(set(found)) <= MAX_LANGUAGES
    assert all(TAG.fullmatch(tag) and tag.isascii() for tag in found)


@many
@given(readable=languages, junk=st.text("?!=/_日 ", min_size=1, max_size=8))
def test_what_cannot_be_read_hides_nothing_else(readable: str, junk: str) -> None:
    assert requested_languages(None, f"{junk},{readable};q=0.5,{junk}") == requested_languages(None, readable)


@many
@given(lang=languages, parts=wishes)
def test_the_parameter_goes_before_the_header(lang: str, parts: list[tuple[str, str]]) -> None:
    header = ",".join(tag + weight for tag, weight in parts)
    assert requested_languages(lang, header) == requested_languages(lang, "")
    assert requested_languages(lang, header)[0] == with_more_general(lang)[0]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("zh-TW", ["zh-TW", "zh-Hant", "zh"]),
        ("zh-hans-cn", ["zh-Hans-CN", "zh-Hans", "zh"]),
        ("rus", ["ru"]),
        ("uz-cyrl", ["uz-Cyrl", "uz"]),
        ("en-x-house", ["en-x-house", "en-x", "en"]),
        ("en-", ["en-", "en"]),
    ],
)
def test_a_language_is_looked_for_in_the_usual_script(asked: str, wanted: list[str]) -> None:
    assert looked_for([asked]) == wanted


# -- over HTTP ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "query", "content_type"),
    [
        (None, "", "application/json"),
        ("*/*", "", "application/json"),
        ("application/json", "", "application/json"),
        ("text/csv", "", "text/csv; charset=utf-8"),
        ("application/x-ndjson", "", "application/x-ndjson"),
        ("text/csv;q=0.4, application/x-ndjson;q=0.6", "", "application/x-ndjson"),
        ("application/xml, text/csv;q=0.1", "", "text/csv; charset=utf-8"),
        ("application/xml;q=0.9, */*;q=0.8", "", "application/json"),
        ("text/csv", "?format=ndjson", "application/x-ndjson"),
        ("application/x-ndjson", "?format=json", "application/json"),
        ("application/json", "?format=csv", "text/csv; charset=utf-8"),
        ("application/xml", "?format=json", "application/json"),
    ],
)
def test_a_list_comes_as_asked(client: TestClient, accept: str | None, query: str, content_type: str) -> None:
    headers = {} if accept is None else {"Accept": accept}
    if accept is None:
        client.headers.pop("accept", None)
    answer = client.get(f"/v1/series{query}", headers=headers)
    client.headers["accept"] = "*/*"
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == content_type
    assert "Accept" in answer.headers["vary"].split(", ")
    if content_type.startswith("text/csv"):
        assert answer.text.startswith("id,kind,version,")
    elif content_type.endswith("ndjson"):
        assert all(json.loads(line)["kind"] == "series" for line in answer.text.split("\n")[:-1])
    else:
        assert answer.json()["data"][0]["kind"] == "series"


@pytest.mark.parametrize("accept", ["application/xml", "text/html", "image/*", "application/json;q=0", "text/csv;q=0", "junk"])
def test_what_cannot_be_given_is_406_in_words(client: TestClient, accept: str) -> None:
    answer = client.get("/v1/series", headers={"Accept": accept})
    assert answer.status_code == 406
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "not_acceptable"
    assert all(each.media_type in problem["detail"] for each in of_lists(Kind.SERIES))
    assert accept in problem["detail"]


@pytest.mark.parametrize("path", ["/v1/organizations/sco", "/v1/records/sco", "/v1/records?ids=sco"])
def test_a_single_record_is_given_as_json_alone(client: TestClient, path: str) -> None:
    refused = client.get(path, headers={"Accept": "text/csv"})
    assert (refused.status_code, refused.json()["code"]) == (406, "not_acceptable")
    taken = client.get(path, headers={"Accept": "text/csv, application/json;q=0.1"})
    assert (taken.status_code, taken.headers["content-type"]) == (200, "application/json")


def test_several_accept_headers_are_one(client: TestClient) -> None:
    answer = client.get("/v1/series", headers=[("Accept", "application/xml"), ("Accept", "text/csv")])
    assert answer.headers["content-type"].startswith("text/csv")


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    accept=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30),
    language=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30),
)
def test_no_header_breaks_an_answer(client: TestClient, accept: str, language: str) -> None:
    headers = {"Accept": accept.encode("latin-1"), "Accept-Language": language.encode("latin-1")}
    assume(accept.strip())
    answer = client.get("/v1/series?limit=1", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code in (200, 406)
    if answer.status_code == 406:
        assert answer.json()["code"] == "not_acceptable"
