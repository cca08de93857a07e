"""What whoever writes single records is answered: what is made, kept and refused, so that no update is ever lost."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from app.main import create_app
from app.models import Base
from app.resources import RESOURCES
from app.writing.keys import Scope
from tests.conftest import Database, Fresh
from tests.depth import thorough, tries

Content = dict[str, Any]
PROOF = {"source": "news", "paragraph": 1, "quote": "met in Minsk", "confidence": "stated"}
WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "country", "id": "CN", "alpha_3": "CHN", "numeric": "156", "name": "China"},
    {"kind": "topic", "id": "connectivity", "name": "Connectivity"},
    {"kind": "source", "id": "news", "title": "News of the ministry", "url": "https://example.org/news"},
    {
        "kind": "organization",
        "id": "ministry",
        "name": "Ministry of Communications",
        "country": "BY",
        "seat": "Minsk",
        "names": [
            {"language": "en", "text": "Ministry of Communications", "type": "official"},
            {"language": "ru", "text": "Министерство связи", "type": "official"},
        ],
        "identifiers": [{"scheme": "wikidata", "identifier": "Q1"}],
        "topics": ["connectivity"],
        "citations": [PROOF],
    },
    {"kind": "person", "id": "somebody", "name": "Somebody"},
    {"kind": "meeting", "id": "talks", "name": "Talks", "date": "2025-06-16"},
    {"kind": "participant", "id": "who", "meeting": "talks", "person": "somebody", "organization": "ministry", "role": "host"},
    {"kind": "memorandum", "id": "paper", "name": "Paper"},
)


class Clerk:
    """Somebody with a key to a registry of the test's own."""

    def __init__(self, database: Database, client: TestClient, *scopes: Scope, name: str = "clerk") -> None:
        self.database = database
        self.client = client
        self.key = database.key(*scopes, name=name)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """The answer; `body` is sent as JSON, unless it is bytes. Headers as if_match, content_type."""
        given = {**self.key, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            given = {"content-type": "application/json", **given}
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return self.client.request(method, f"/v1/{path}", content=content, headers=given)

    def get(self, path: str, **headers: str) -> Response:
        """Read."""
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Response:
        """Create, restore, merge, import."""
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> Response:
        """Create or replace."""
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Response:
        """Change; whatever is there, unless the headers say otherwise."""
        return self.send("PATCH", path, body, **{"if_match": "*", **headers})

    def delete(self, path: str, **headers: str) -> Response:
        """Delete; whatever is there, unless the headers say otherwise."""
        return self.send("DELETE", path, **{"if_match": "*", **headers})

    def made(self, path: str, body: Content) -> Content:
        """A record that is made for the test."""
        answer = self.post(path, body)
        assert answer.status_code == 201, answer.text
        made: Content = answer.json()
        return made

    def read(self, path: str) -> Content:
        """A record that is there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        read: Content = answer.json()
        return read

    def tag(self, path: str) -> str:
        """The tag with which a record is read."""
        tag: str = self.get(path).headers["etag"]
        return tag

    def merged(self, plural: str, gone: str, into: str) -> None:
        """One record merged into another for the test."""
        answer = self.post(f"{plural}/{gone}/merge", {"into": into})
        assert answer.status_code == 200, answer.text


def clerk_of(*world: Content) -> Any:
    """A fixture: somebody who may do everything to these records; whatever they do leaves the registry whole."""

    @pytest.fixture
    def clerk(office: tuple[Database, TestClient]) -> Iterator[Clerk]:
        database, client = office
        database.empty()
        database.load(*map(json.dumps, world))
        yield Clerk(database, client)
        assert database.disagreements() == []

    return clerk


clerk = clerk_of(*WORLD)


def everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables, but for when a key was used last."""
    found = {}
    for table in Base.metadata.sorted_tables:
        columns = ", ".join(f'"{column.name}"' for column in table.c if column.name != "last_used_at")
        found[table.name] = sorted(database.execute(f'SELECT {columns} FROM "{table.name}"'), key=repr)
    return found


def refused(answer: Response, status: int, code: str) -> list[tuple[str | None, str]]:
    """The faults, (pointer, detail), for which a write was refused with this status and code."""
    problem = answer.json()
    assert (answer.status_code, problem.get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [(fault.get("pointer"), fault["detail"]) for fault in problem.get("errors", ())]


def pointers(answer: Response) -> set[str | None]:
    """Where the faults are for which a body was refused."""
    return {pointer for pointer, _ in refused(answer, 422, "invalid")}


def version(tag: str) -> int:
    """The version that a tag begins with."""
    return int(tag.strip('"').partition(".")[0])


# -- create -------------------------------------------------------------------------------------------------------------

FULL: Content = {
    "name": "State Committee",
    "country": "BY",
    "parent": {"id": "ministry", "name": "whatever it was called"},
    "names": [{"language": "ru", "text": "Государственный комитет", "type": "official"}],
    "identifiers": [{"scheme": "wikidata", "identifier": "Q2"}],
    "topics": ["connectivity"],
    "citations": [PROOF, {**PROOF, "paragraph": 2, "field": "country"}],
}


@pytest.mark.parametrize("view", ["", "?include=citations,parts", "?fields=name,country&include=citations", "?lang=ru"])
def test_a_record_made_is_answered_as_a_get_of_the_same_view(clerk: Clerk, view: str) -> None:
    encoding = "gzip" if "include" in view else "identity"
    made = clerk.post(f"organizations{view}", FULL, accept_encoding=encoding)
    assert made.status_code == 201
    assert made.headers["location"] == "/v1/organizations/state-committee"
    read = clerk.get(f"organizations/state-committee{view}", accept_encoding=encoding)
    assert made.json() == read.json()
    for name in ("etag", "vary", "cache-control", "content-type"):
        assert made.headers[name] == read.headers[name]
    assert made.headers.get("content-language") == read.headers.get("content-language")
    assert version(made.headers["etag"]) == 1


def test_all_that_is_said_of_a_record_is_written_and_logged_together(clerk: Clerk) -> None:
    made = clerk.post("organizations?include=citations", FULL).json()
    assert made["parent"] == {"id": "ministry", "name": "Ministry of Communications"}
    assert made["names"] == FULL["names"]
    assert made["identifiers"] == FULL["identifiers"]
    assert made["topics"] == [{"id": "connectivity", "name": "Connectivity"}]
    assert [(each["paragraph"], each["field"]) for each in made["citations"]] == [(1, None), (2, "country")]
    assert all(UUID(each["id"]).version == 7 for each in made["citations"])
    (entry,) = clerk.read("organizations/state-committee/history")["data"]
    assert (entry["operation"], entry["version"], entry["author"]) == ("create", 1, "clerk")
    logged = clerk.read(f"changes?transaction={entry['transaction']}")["data"]
    assert {each["id"] for each in logged} == {"state-committee", *(each["id"] for each in made["citations"])}


SLUGS = {
    "Залесский Иван": "zalesskiy-ivan",
    "Министерство связи и информатизации": "ministerstvo-svyazi-i-informatizatsii",
    "中华人民共和国": "zhonghuarenmingongheguo",
    "Türk Devletleri Teşkilatı": "turk-devletleri-teskilati",
    "L'Étoile": "letoile",
    "საქართველო": "sakartvelo",
    "BLR": "organization-blr",
    "112": "organization-112",
    "！？": "organization",
}


def test_ids_are_made_from_names_in_any_script(clerk: Clerk) -> None:
    assert {name: clerk.made("organizations", {"name": name})["id"] for name in SLUGS} == SLUGS
    long = clerk.made("organizations", {"name": "A word " * 1000})["id"]
    assert 4 <= len(long) <= 60
    arabic = clerk.made("sources", {"title": "وزارة الاتصالات"})["id"]
    assert clerk.read(f"sources/{arabic}")["title"] == "وزارة الاتصالات"


def test_namesakes_are_numbered_and_ids_never_used_again(clerk: Clerk) -> None:
    ids = [clerk.made(plural, {"name": "Same name"})["id"] for plural in ("people", "people", "organizations", "people")]
    assert ids == ["same-name", "same-name-2", "same-name-3", "same-name-4"]
    assert clerk.delete("organizations/same-name-3").status_code == 204
    clerk.merged("people", "same-name-4", "same-name")
    assert clerk.made("organizations", {"name": "Same name"})["id"] == "same-name-5"


def test_a_country_needs_its_code(clerk: Clerk) -> None:
    poland = {"alpha_3": "POL", "numeric": "616", "name": "Poland"}
    assert refused(clerk.post("countries", poland), 422, "invalid") == [("/id", "a country needs an id")]
    assert pointers(clerk.post("countries", {**poland, "id": "poland"})) == {"/id"}
    assert clerk.post("countries", {**poland, "id": "PL"}).headers["location"] == "/v1/countries/PL"


def test_link_records_get_ids_that_follow_one_another_in_time(clerk: Clerk) -> None:
    seat = {"meeting": "talks", "country": "CN"}
    ids = [clerk.made("participants", {**seat, "role": role})["id"] for role in ("host", "speaker", "observer")]
    assert [UUID(each).version for each in ids] == [7, 7, 7]
    assert [each[:13] for each in sorted(ids)] == [each[:13] for each in ids]


def test_a_given_id_is_kept(clerk: Clerk) -> None:
    assert clerk.made("people", {"id": "chosen", "name": "Another name"})["id"] == "chosen"
    assert clerk.made("participants", {"id": "guest", "meeting": "talks", "country": "CN", "role": "host"})["id"] == "guest"


def test_an_id_that_is_or_was_somebodys_is_refused(clerk: Clerk) -> None:
    for name in ("deleted", "merged", "survivor"):
        clerk.made("people", {"id": name, "name": "Name"})
    clerk.delete("people/deleted")
    clerk.merged("people", "merged", "survivor")
    before = everything(clerk.database)
    for taken in ("somebody", "ministry", "deleted", "merged"):
        faults = refused(clerk.post("people", {"id": taken, "name": "New"}), 409, "conflict")
        assert {pointer for pointer, _ in faults} == {"/id"}
        assert all(repr(taken) in detail for _, detail in faults)
    assert everything(clerk.database) == before


TAKEN_KEYS: tuple[tuple[str, Content], ...] = (
    ("participants", {"meeting": "talks", "person": "somebody", "organization": "ministry", "role": "host"}),
    ("citations", {"record": "ministry", **PROOF}),
    ("countries", {"id": "XX", "alpha_3": "BLR", "numeric": "999", "name": "X"}),
    ("countries", {"id": "XX", "alpha_3": "XXX", "numeric": "112", "name": "X"}),
)


@pytest.mark.parametrize(("plural", "content"), TAKEN_KEYS)
def test_what_is_said_already_is_not_said_again(clerk: Clerk, plural: str, content: Content) -> None:
    before = everything(clerk.database)
    (fault,) = refused(clerk.post(plural, content), 409, "conflict")
    assert "are those of the" in fault[1]
    assert everything(clerk.database) == before


def test_a_post_takes_no_preconditions(clerk: Clerk) -> None:
    for name, value in (("if_match", "*"), ("if_none_match", "*")):
        answer = clerk.post("people", {"name": "Name"}, **{name: value})
        refused(answer, 422, "invalid")
        assert [fault["header"].lower() for fault in answer.json()["errors"]] == [name.replace("_", "-")]


def test_the_address_of_what_was_made_is_as_the_client_knows_it(clerk: Clerk) -> None:
    settings = replace(clerk.database.settings, trusted_proxies="*")
    with TestClient(create_app(settings)) as behind_a_proxy:
        headers = {**clerk.key, "X-Forwarded-Prefix": "/registry"}
        made = behind_a_proxy.post("/v1/people", json={"name": "Name"}, headers=headers)
    assert made.headers["location"].endswith("/registry/v1/people/name")


# -- what was read is written back ---------------------------------------------------------------------------------------

MOST = 40
"""How many records of a kind are written back: those that say most."""


@pytest.fixture(scope="module")
def registry(fresh: Fresh) -> Iterator[Clerk]:
    """A registry with the first data set, which the tests write back to it."""
    database = Database(fresh())
    database.seed()
    with database.client() as client:
        yield Clerk(database, client)
    database.engine.dispose()


@thorough
@pytest.mark.parametrize("lang", tries(["ru"], ["", "ru", "zh"]))
@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: str(resource.plural))
def test_what_was_read_can_be_written_back_and_changes_nothing(registry: Clerk, resource: Any, lang: str) -> None:
    lines = [line for line in registry.database.export() if json.loads(line)["kind"] == resource.kind.value]
    ids = [json.loads(line)["id"] for line in sorted(lines, key=len, reverse=True)[:MOST]]
    assert len(ids) >= 3
    view = f"?include={','.join(['names', *resource.includes])}" + (f"&lang={lang}" if lang else "")
    before = everything(registry.database)
    for record_id in ids:
        path = f"{resource.plural}/{record_id}{view}"
        read = registry.get(path)
        written = registry.put(path, read.json())
        assert written.status_code == 200, (record_id, written.text)
        assert (written.json(), written.headers["etag"]) == (read.json(), read.headers["etag"])
    assert everything(registry.database) == before


def test_what_says_where_the_rest_of_an_include_is_may_be_written_back(clerk: Clerk) -> None:
    parts = ({"kind": "organization", "id": f"part-{number}", "name": "Part", "parent": "ministry"} for number in range(201))
    clerk.database.load(*map(json.dumps, parts))
    read = clerk.read("organizations/ministry?include=parts")
    assert read["parts_more"] == "/v1/organizations?parent=ministry"
    answer = clerk.put("organizations/ministry?include=parts", read)
    assert (answer.status_code, answer.json()) == (200, read)


def test_citations_that_were_not_shown_are_not_lost_when_the_others_are_written_back(clerk: Clerk) -> None:
    proofs = [{**PROOF, "paragraph": paragraph} for paragraph in range(1, 211)]
    clerk.made("organizations", {"id": "cited", "name": "Cited", "citations": proofs})
    read = clerk.get("organizations/cited?include=citations")
    assert len(read.json()["citations"]) == 200
    assert clerk.put("organizations/cited", read.json(), if_match=read.headers["etag"]).status_code == 200
    assert clerk.database.execute("SELECT count(*) FROM citations WHERE record_id = 'cited'") == [(210,)]


# -- replace ------------------------------------------------------------------------------------------------------------


def test_a_put_makes_a_record_under_an_id_that_the_client_chose(clerk: Clerk) -> None:
    body = {"name": "Somebody else"}
    made = clerk.put("people/somebody-else", body)
    assert (made.status_code, made.headers["location"]) == (201, "/v1/people/somebody-else")
    assert made.headers["etag"] == clerk.tag("people/somebody-else")
    again = clerk.put("people/somebody-else", body)
    assert (again.status_code, again.headers["etag"]) == (200, made.headers["etag"])
    assert "location" not in again.headers
    assert again.json() == made.json()


def test_a_put_without_a_precondition_is_told_the_current_tag(clerk: Clerk) -> None:
    changed = {"name": "Renamed"}
    before = everything(clerk.database)
    for view in ("", "?fields=name", "?lang=ru&include=citations"):
        answer = clerk.put(f"organizations/ministry{view}", changed, accept_encoding="identity")
        ((_, detail),) = refused(answer, 428, "precondition_required")
        tag = clerk.get(f"organizations/ministry{view}", accept_encoding="identity").headers["etag"]
        assert answer.headers["etag"] == tag
        assert tag in detail
        assert answer.json()["errors"][0]["header"] == "If-Match"
    assert everything(clerk.database) == before
    answer = clerk.put("organizations/ministry", changed, if_match=answer.headers["etag"])
    assert (answer.status_code, answer.json()["name"]) == (200, "Renamed")


VIEWS = ("", "?fields=name", "?include=citations,parts", "?lang=ru", "?include=names,positions&fields=id&lang=be")


@pytest.mark.parametrize("view", VIEWS)
def test_a_tag_from_any_view_guards_a_write(clerk: Clerk, view: str) -> None:
    clerk.patch("organizations/ministry", {"summary": "Long. " * 300})
    for encoding in ("identity", "gzip"):
        read = clerk.get(f"organizations/ministry{view}", accept_encoding=encoding)
        assert read.headers["etag"].endswith('-gzip"') == ("content-encoding" in read.headers)
        answer = clerk.patch("organizations/ministry", {"seat": encoding}, if_match=read.headers["etag"])
        assert answer.status_code == 200, answer.text
        stale = clerk.patch("organizations/ministry", {"seat": "lost"}, if_match=read.headers["etag"])
        refused(stale, 412, "precondition_failed")
    assert clerk.read("organizations/ministry")["seat"] == "gzip"


def test_a_tag_from_the_list_across_kinds_guards_a_write_too(clerk: Clerk) -> None:
    tag = clerk.tag("records/ministry")
    assert clerk.put("organizations/ministry", {"name": "Renamed"}, if_match=tag).status_code == 200
    refused(clerk.put("organizations/ministry", {"name": "Lost"}, if_match=tag), 412, "precondition_failed")


def test_what_is_not_there_matches_no_tag(clerk: Clerk) -> None:
    before = everything(clerk.database)
    for match in ("*", '"1"', '"1.abcdef"'):
        refused(clerk.put("people/nobody", {"name": "Nobody"}, if_match=match), 412, "precondition_failed")
    assert everything(clerk.database) == before


def test_if_match_of_anything_replaces_what_is_there(clerk: Clerk) -> None:
    answer = clerk.put("people/somebody", {"name": "Renamed"}, if_match="*")
    assert (answer.status_code, answer.json()["name"], answer.json()["version"]) == (200, "Renamed", 2)


def test_if_none_match_of_anything_makes_and_never_replaces(clerk: Clerk) -> None:
    made = clerk.put("people/nobody", {"name": "Nobody"}, if_none_match="*")
    assert made.status_code == 201
    for body in ({"name": "Somebody else"}, {"name": "Nobody"}):
        refused(clerk.put("people/nobody", body, if_none_match="*"), 412, "precondition_failed")
    for empty in ({"if_none_match": ""}, {"if_match": " "}):
        answer = clerk.put("people/nobody", {"name": "Else"}, **empty)
        refused(answer, 422, "invalid")
        assert answer.json()["errors"][0]["detail"] == "is empty: send a value, or leave it out"
    answer = clerk.put("people/nobody", {"name": "Else"}, if_none_match='"1"')
    refused(answer, 422, "invalid")
    assert answer.json()["errors"][0]["header"] == "If-None-Match"
    assert clerk.tag("people/nobody") == made.headers["etag"]


def test_tags_of_another_making_never_match(clerk: Clerk) -> None:
    tag = clerk.tag("people/somebody")
    for match in ('"abcdef"', '""', '"1x"', '"0001.zz"', '"99999999999999999999"'):
        for answer in (
            clerk.put("people/somebody", {"name": "Lost"}, if_match=match),
            clerk.patch("people/somebody", {"name": "Lost"}, if_match=match),
            clerk.delete("people/somebody", if_match=match),
        ):
            refused(answer, 412, "tag_unknown")
            assert answer.json()["errors"][0]["detail"].endswith(f"the current tag is {tag}")
    assert clerk.tag("people/somebody") == tag
    several = f'W/{tag}, "7.abcdef" , {tag}'
    assert clerk.patch("people/somebody", {"name": "Renamed"}, if_match=several).status_code == 200


def test_what_is_no_tag_is_refused(clerk: Clerk) -> None:
    for match in ("1", "garbage", '"1', "*, *", '"1" "2"', "W/1"):
        answer = clerk.patch("people/somebody", {"name": "Lost"}, if_match=match)
        refused(answer, 422, "invalid")
        assert answer.json()["errors"][0]["header"] == "If-Match"
    assert clerk.read("people/somebody")["version"] == 1


def test_upsert_replaces_on_purpose(clerk: Clerk) -> None:
    answers = [clerk.put("people/nobody?upsert=true", {"name": name}) for name in ("Nobody", "Anybody", "Anybody")]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert [answer.json()["version"] for answer in answers] == [1, 2, 2]
    for match in ("*", "none"):
        header = {"if_none_match": "*"} if match == "*" else {"if_match": '"1"'}
        refused(clerk.put("people/nobody?upsert=true", {"name": "Lost"}, **header), 412, "precondition_failed")
    assert pointers(clerk.post("people?upsert=true", {"name": "Name"})) == {None}


def test_a_put_empties_the_fields_that_it_leaves_out_but_not_the_parts(clerk: Clerk) -> None:
    path = "organizations/ministry?include=citations"
    before = clerk.read(path)
    after = clerk.put(path, {"name": before["name"]}, if_match="*").json()
    assert (after["seat"], after["country"], after["version"]) == (None, None, 2)
    for part in ("names", "identifiers", "topics", "citations"):
        assert after[part] == before[part] != []


@pytest.mark.parametrize("part", ["names", "identifiers", "topics", "citations"])
def test_an_empty_part_empties_it_and_no_other(clerk: Clerk, part: str) -> None:
    path = "organizations/ministry?include=citations"
    before = clerk.read(path)
    own = {name: before[name] for name in ("name", "country", "seat")}
    after = clerk.put(path, {**own, part: []}, if_match="*").json()
    others = {"names", "identifiers", "topics", "citations"} - {part}
    assert after[part] == []
    assert {name: after[name] for name in others} == {name: before[name] for name in others}
    assert after["version"] == 2


def test_keys_that_are_read_only_are_accepted_and_ignored(clerk: Clerk) -> None:
    before = clerk.read("meetings/talks?include=participants,citations")
    lies = {
        "version": 77,
        "created_at": "x",
        "updated_at": None,
        "date_start": "1999-01-01",
        "countries": [],
        "participants": [],
    }
    answer = clerk.put("meetings/talks?include=participants,citations", {**before, **lies})
    assert (answer.status_code, answer.json()) == (200, before)


def test_a_deleted_id_is_revived_and_its_versions_go_on(clerk: Clerk) -> None:
    made = clerk.made("people", {"id": "phoenix", "name": "Phoenix"})
    clerk.delete("people/phoenix")
    refused(clerk.put("people/phoenix", {"name": "Phoenix"}, if_match='"1"'), 412, "precondition_failed")
    refused(clerk.put("people/phoenix", {"name": "Phoenix"}, if_match="*"), 412, "precondition_failed")
    revived = clerk.put("people/phoenix", {"name": "Phoenix again"})
    assert (revived.status_code, revived.headers["location"]) == (201, "/v1/people/phoenix")
    assert (revived.json()["version"], revived.json()["created_at"]) == (3, made["created_at"])
    assert clerk.get("people/phoenix").json() == revived.json()
    logged = clerk.read("people/phoenix/history")["data"]
    assert [(each["operation"], each["version"]) for each in logged] == [("create", 3), ("delete", 2), ("create", 1)]


def test_a_merged_id_leads_a_put_to_where_it_went(clerk: Clerk) -> None:
    clerk.made("people", {"id": "double", "name": "Double"})
    clerk.merged("people", "double", "somebody")
    before = everything(clerk.database)
    for headers in ({}, {"if_match": "*"}, {"if_none_match": "*"}):
        answer = clerk.put("people/double?upsert=true", {"name": "Double"}, **headers)
        assert (answer.status_code, answer.headers["location"]) == (308, "/v1/people/somebody?upsert=true")
    for answer in (clerk.patch("people/double", {"name": "Double"}), clerk.delete("people/double")):
        refused(answer, 410, "merged")
    assert everything(clerk.database) == before


def test_an_id_of_another_kind_is_not_taken_over(clerk: Clerk) -> None:
    clerk.made("organizations", {"id": "former", "name": "Former"})
    clerk.delete("organizations/former")
    before = everything(clerk.database)
    for taken in ("ministry", "former"):
        refused(clerk.put(f"people/{taken}", {"name": "Name"}, if_none_match="*"), 409, "conflict")
        refused(clerk.put(f"people/{taken}?upsert=true", {"name": "Name"}), 409, "conflict")
    assert everything(clerk.database) == before


def test_an_id_of_another_kind_is_not_found_as_it_is_not_when_read(clerk: Clerk) -> None:
    clerk.made("organizations", {"id": "former", "name": "Former"})
    clerk.delete("organizations/former")
    for other in ("ministry", "former"):
        refused(clerk.get(f"people/{other}"), 404, "not_found")
        refused(clerk.patch(f"people/{other}", {"name": "Name"}), 404, "not_found")
        refused(clerk.delete(f"people/{other}"), 404, "not_found")


def test_the_body_may_repeat_the_address_but_not_contradict_it(clerk: Clerk) -> None:
    answer = clerk.put("people/somebody", {"id": "nobody", "kind": "topic", "name": ""}, if_match="*")
    assert pointers(answer) >= {"/id", "/kind"}
    for changes in ({"id": "nobody"}, {"kind": "topic"}, {"id": None}):
        assert pointers(clerk.patch("people/somebody", changes)) == {f"/{next(iter(changes))}"}
    answer = clerk.patch("people/somebody", {"id": "somebody", "kind": "person", "summary": "Known."})
    assert (answer.status_code, answer.json()["summary"]) == (200, "Known.")


# -- patch --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media", ["application/merge-patch+json", "application/json", "application/json; charset=UTF-8"])
def test_null_clears_and_what_is_absent_stays(clerk: Clerk, media: str) -> None:
    before = clerk.read("organizations/ministry?include=citations")
    answer = clerk.patch(
        "organizations/ministry?include=citations",
        {"seat": None, "acronym": "MCI", "country": {"id": "CN", "name": "whatever"}, "identifiers": None},
        content_type=media,
    )
    after = answer.json()
    assert answer.status_code == 200
    assert answer.headers["etag"] == clerk.tag("organizations/ministry?include=citations")
    assert (after["seat"], after["acronym"], after["country"]["id"], after["identifiers"]) == (None, "MCI", "CN", [])
    for name in ("name", "names", "topics", "citations"):
        assert after[name] == before[name] != []
    assert after["version"] == 2
    (entry, *_) = clerk.read("organizations/ministry/history")["data"]
    assert (entry["operation"], set(entry["changed"])) == ("patch", {"seat", "acronym", "country", "identifiers"})


def test_a_patch_that_changes_nothing_makes_no_version(clerk: Clerk) -> None:
    before = everything(clerk.database)
    read = clerk.get("organizations/ministry")
    for changes in ({}, {"seat": "Minsk"}, {"acronym": None, "country": {"id": "BY"}}, {"topics": ["connectivity"]}):
        answer = clerk.patch("organizations/ministry", changes)
        assert (answer.status_code, answer.json(), answer.headers["etag"]) == (200, read.json(), read.headers["etag"])
    assert everything(clerk.database) == before


def test_what_must_be_stated_is_not_cleared(clerk: Clerk) -> None:
    assert refused(clerk.patch("people/somebody", {"name": None}), 422, "invalid") == [("/name", "required")]
    assert pointers(clerk.patch("participants/who", {"meeting": None, "role": None})) == {"/meeting", "/role"}
    assert pointers(clerk.patch("participants/who", {"person": None, "organization": None})) == {""}


def test_a_patch_says_which_version_it_is_of(clerk: Clerk) -> None:
    answer = clerk.send("PATCH", "people/somebody", {"name": "Lost"})
    ((_, detail),) = refused(answer, 428, "precondition_required")
    tag = answer.headers["etag"]
    assert tag == clerk.tag("people/somebody")
    assert tag in detail
    assert clerk.patch("people/somebody", {"name": "First"}, if_match=tag).status_code == 200
    refused(clerk.patch("people/somebody", {"name": "Second"}, if_match=tag), 412, "precondition_failed")
    assert clerk.read("people/somebody")["name"] == "First"


def test_what_is_not_there_is_not_patched(clerk: Clerk) -> None:
    clerk.made("people", {"id": "gone", "name": "Gone"})
    clerk.delete("people/gone")
    refused(clerk.patch("people/gone", {"name": "Name"}), 410, "gone")
    refused(clerk.patch("people/nobody", {"name": "Name"}), 404, "not_found")
    refused(clerk.send("PATCH", "people/nobody", {"name": "Name"}), 404, "not_found")


# -- citations of a record -----------------------------------------------------------------------------------------------


def _citations(clerk: Clerk) -> dict[str, Content]:
    found = clerk.read("organizations/ministry?include=citations")["citations"]
    return {each["id"]: each for each in found}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_citations_are_matched_by_id_else_by_what_they_cite(clerk: Clerk, method: str) -> None:
    ((first, read),) = _citations(clerk).items()
    own = {"name": "Ministry of Communications", "country": "BY", "seat": "Minsk"} if method == "PUT" else {}

    def write(*citations: Content) -> dict[str, Content]:
        answer = clerk.send(method, "organizations/ministry", {**own, "citations": list(citations)}, if_match="*")
        assert answer.status_code == 200, answer.text
        return _citations(clerk)

    found = write({**PROOF, "confidence": "doubtful"})
    assert {each["id"]: (each["confidence"], each["version"]) for each in found.values()} == {first: ("doubtful", 2)}
    found = write({**read, "quote": "met", "paragraph": 3}, {**PROOF, "quote": "else"})
    assert (found[first]["quote"], found[first]["version"]) == ("met", 3)
    assert len(found) == 2
    second = next(each for each in found if each != first)
    assert list(write({**PROOF, "quote": "else"})) == [second]
    refused(clerk.get(f"citations/{first}"), 410, "gone")
    assert clerk.read("organizations/ministry")["version"] == 4


def test_a_citation_is_not_taken_from_another_record(clerk: Clerk) -> None:
    (first,) = _citations(clerk)
    before = everything(clerk.database)
    answer = clerk.patch("people/somebody", {"citations": [{**PROOF, "id": first}]})
    assert {pointer for pointer, _ in refused(answer, 409, "conflict")} == {"/citations/0/id"}
    assert everything(clerk.database) == before


def test_a_citation_written_alone_moves_the_version_of_its_record(clerk: Clerk) -> None:
    path = "organizations/ministry"

    def moved() -> int:
        return int(clerk.read(path)["version"])

    made = clerk.made("citations", {"record": "ministry", **PROOF, "paragraph": 9})
    assert moved() == 2
    clerk.patch(f"citations/{made['id']}", {"confidence": "doubtful"})
    assert moved() == 3
    clerk.patch(f"citations/{made['id']}", {"record": "somebody"})
    assert (moved(), clerk.read("people/somebody")["version"]) == (4, 2)
    clerk.delete(f"citations/{made['id']}")
    assert (moved(), clerk.read("people/somebody")["version"]) == (4, 3)
    clerk.patch(f"citations/{next(iter(_citations(clerk)))}", {"confidence": "stated"})
    assert moved() == 4, "nothing changed"


def test_a_citation_added_by_somebody_else_is_not_lost(clerk: Clerk) -> None:
    read = clerk.get("organizations/ministry?include=citations")
    body, tag = read.json(), read.headers["etag"]
    clerk.made("citations", {"record": "ministry", **PROOF, "paragraph": 9})
    body["seat"] = "Brest"
    for answer in (
        clerk.put("organizations/ministry", body, if_match=tag),
        clerk.patch("organizations/ministry", {"citations": body["citations"]}, if_match=tag),
        clerk.delete("organizations/ministry", if_match=tag),
    ):
        refused(answer, 412, "precondition_failed")
    assert len(_citations(clerk)) == 2


# -- delete -------------------------------------------------------------------------------------------------------------


def test_a_deleted_record_is_gone_with_its_citations(clerk: Clerk) -> None:
    made = clerk.post("people?include=citations", {"id": "leaver", "name": "Leaver", "citations": [PROOF]}).json()
    tag = clerk.tag("people/leaver")
    answer = clerk.send("DELETE", "people/leaver")
    refused(answer, 428, "precondition_required")
    assert answer.headers["etag"] == tag
    clerk.patch("people/leaver", {"summary": "Leaves."})
    refused(clerk.delete("people/leaver", if_match=tag), 412, "precondition_failed")
    deleted = clerk.delete("people/leaver", if_match=clerk.tag("people/leaver"))
    assert (deleted.status_code, deleted.content) == (204, b"")
    for path in ("people/leaver", "records/leaver", f"citations/{made['citations'][0]['id']}"):
        refused(clerk.get(path), 410, "gone")
        head = clerk.send("HEAD", path)
        assert (head.status_code, head.content) == (410, b"")
    refused(clerk.delete("people/leaver"), 410, "gone")
    refused(clerk.delete("people/nobody"), 404, "not_found")
    logged = clerk.read("people/leaver/history")["data"]
    assert [(each["operation"], each["version"], each["state"] is None) for each in logged] == [
        ("delete", 3, True),
        ("patch", 2, False),
        ("create", 1, False),
    ]
    together = clerk.read(f"changes?transaction={logged[0]['transaction']}")["data"]
    assert {each["kind"] for each in together} == {"person", "citation"}


def test_what_others_refer_to_is_not_deleted(clerk: Clerk) -> None:
    before = everything(clerk.database)
    for path, referrers in {
        "organizations/ministry": ["participant 'who'"],
        "countries/BY": ["organization 'ministry'"],
        "topics/connectivity": ["organization 'ministry'"],
        "meetings/talks": ["participant 'who'"],
        "sources/news": ["citation "],
    }.items():
        told = [detail for _, detail in refused(clerk.delete(path), 409, "still_referenced")]
        assert len(told) == len(referrers)
        assert all(referrer in detail for referrer, detail in zip(referrers, told, strict=True)), told
    assert everything(clerk.database) == before


# -- dry run ------------------------------------------------------------------------------------------------------------

DRY_RUNS: tuple[tuple[str, str, Any, int], ...] = (
    ("POST", "people", {"name": "Nobody", "citations": [PROOF]}, 200),
    ("PUT", "people/nobody", {"name": "Nobody"}, 200),
    ("PUT", "people/somebody", {"name": "Renamed"}, 200),
    ("PATCH", "organizations/ministry", {"seat": None, "citations": []}, 200),
    ("DELETE", "participants/who", None, 204),
    ("POST", "people/gone/restore", {}, 200),
    ("POST", "organizations/ministry/restore", {"version": 1}, 200),
    ("POST", "organizations/double/merge", {"into": "ministry"}, 200),
)


def test_a_dry_run_shows_the_result_and_keeps_nothing(clerk: Clerk) -> None:
    clerk.made("people", {"id": "gone", "name": "Gone"})
    clerk.delete("people/gone")
    clerk.made("organizations", {"id": "double", "name": "Double", "citations": [PROOF]})
    clerk.patch("organizations/ministry", {"seat": "Brest"})
    before = everything(clerk.database)
    shown: list[Any] = []
    for method, path, body, status in DRY_RUNS:
        headers = {} if method == "POST" or path == "people/nobody" else {"if_match": "*"}
        answer = clerk.send(method, f"{path}?dry_run=true", body, **headers)
        assert answer.status_code == status, (method, path, answer.text)
        assert "location" not in answer.headers
        shown.append(answer.json() if answer.content else None)
        assert everything(clerk.database) == before, (method, path)
    made, put, replaced, patched, _, revived, restored, merged = shown
    assert (made["id"], made["version"], put["name"]) == ("nobody", 1, "Nobody")
    assert (replaced["name"], replaced["version"], patched["seat"]) == ("Renamed", 2, None)
    assert (revived["record"]["version"], restored["record"]["seat"]) == (3, "Minsk")
    assert "Double" in {name["text"] for name in merged["record"]["names"]}


def test_a_dry_run_tells_what_a_real_one_would_be_refused_for(clerk: Clerk) -> None:
    assert pointers(clerk.post("people?dry_run=true", {"name": ""})) == {"/name"}
    refused(clerk.post("people?dry_run=true", {"id": "somebody", "name": "Name"}), 409, "conflict")
    refused(clerk.put("people/somebody?dry_run=true", {"name": "Name"}), 428, "precondition_required")
    refused(clerk.delete("meetings/talks?dry_run=true"), 409, "still_referenced")
    refused(clerk.put("people/somebody?dry_run=true", {"name": "Name"}, if_match='"7"'), 412, "precondition_failed")


# -- the same again ------------------------------------------------------------------------------------------------------

ANSWERED = ("etag", "location", "content-language", "content-type")


def test_who_asks_the_same_again_is_told_the_same_and_nothing_is_done_twice(clerk: Clerk) -> None:
    asked = ("people?lang=ru&include=citations", {"name": "Иван", "citations": [PROOF]})
    first = clerk.post(*asked, idempotency_key="one")
    assert "idempotent-replayed" not in first.headers
    clerk.patch("people/ivan", {"name": "Renamed"})
    before = everything(clerk.database)
    again = clerk.post(*asked, idempotency_key="one")
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert {name: again.headers[name] for name in ANSWERED} == {name: first.headers[name] for name in ANSWERED}
    assert again.headers["idempotent-replayed"] == "true"
    assert everything(clerk.database) == before


def test_a_key_stands_for_one_request(clerk: Clerk) -> None:
    clerk.post("people", {"name": "Ivan"}, idempotency_key="one")
    before = everything(clerk.database)
    for path, body in (
        ("people", {"name": "Pyotr"}),
        ("organizations", {"name": "Ivan"}),
        ("people?lang=ru", {"name": "Ivan"}),
    ):
        refused(clerk.post(path, body, idempotency_key="one"), 422, "idempotency_mismatch")
    assert everything(clerk.database) == before
    other = Clerk(clerk.database, clerk.client, Scope.WRITE, name="other")
    answer = other.post("people", {"name": "Pyotr"}, idempotency_key="one")
    assert (answer.status_code, answer.json()["id"]) == (201, "pyotr")


def test_what_failed_or_was_only_tried_is_not_remembered(clerk: Clerk) -> None:
    assert pointers(clerk.post("people", {"name": ""}, idempotency_key="one")) == {"/name"}
    refused(clerk.post("people", {"id": "somebody", "name": "Name"}, idempotency_key="one"), 409, "conflict")
    assert clerk.post("people?dry_run=true", {"name": "Tried"}, idempotency_key="one").status_code == 200
    made = clerk.post("people", {"name": "Made"}, idempotency_key="one")
    assert (made.status_code, made.headers.get("idempotent-replayed")) == (201, None)


def test_restoring_and_merging_are_repeated_alike(clerk: Clerk) -> None:
    clerk.made("people", {"id": "double", "name": "Double"})
    clerk.delete("people/double")
    for path, body in (("people/double/restore", {"version": 1}), ("people/double/merge", {"into": "somebody"})):
        first, again = (clerk.post(path, body, idempotency_key=path) for _ in range(2))
        assert (again.status_code, again.content, again.headers["etag"]) == (200, first.content, first.headers["etag"])
        assert again.headers["idempotent-replayed"] == "true"


def test_a_key_that_is_none_is_refused(clerk: Clerk) -> None:
    for key in ("two words", "x" * 256):
        answer = clerk.post("people", {"name": "Name"}, idempotency_key=key)
        refused(answer, 422, "invalid")
        assert answer.json()["errors"][0]["header"] == "Idempotency-Key"


# -- languages ----------------------------------------------------------------------------------------------------------


def test_the_answer_to_a_write_is_in_the_language_asked_for(clerk: Clerk) -> None:
    for view, headers in (("?lang=ru", {}), ("", {"accept_language": "ru, en;q=0.5"})):
        answer = clerk.patch(f"participants/who{view}", {"capacity": f"Minister{view}"}, **headers)
        assert answer.json()["organization"]["name"] == "Министерство связи"
        assert answer.headers["content-language"] == "ru"
    answer = clerk.put("organizations/ministry?lang=ru&upsert=true", {"name": "Ministry"})
    assert (answer.json()["name"], answer.headers["content-language"]) == ("Министерство связи", "ru")
    assert clerk.read("organizations/ministry")["name"] == "Ministry"


# -- faults -------------------------------------------------------------------------------------------------------------

BAD_MEETING: Content = {
    "name": " ",
    "type": "party",
    "date": "soon",
    "attendance": -1,
    "ordinal": "4",
    "nonsense": 1,
    "names": [{"language": "english", "text": "", "type": "nick"}, 5],
    "identifiers": {},
}
OF_BAD_MEETING = {
    "/name",
    "/type",
    "/date",
    "/attendance",
    "/ordinal",
    "/nonsense",
    "/names/0/language",
    "/names/0/text",
    "/names/0/type",
    "/names/1",
    "/identifiers",
}
BAD_CITATIONS: list[Any] = [
    PROOF,
    {"source": "news", "paragraph": 0, "quote": "one two three four five six seven eight nine", "confidence": "sure"},
    {**PROOF, "source": "nothing"},
    {**PROOF, "paragraph": 3, "field": "nonsense"},
    {**PROOF, "paragraph": 4, "quote": "one two three four five six seven eight nine"},
    "no object",
]
OF_BAD_CITATIONS = {
    "/citations/1/paragraph",
    "/citations/1/confidence",
    "/citations/2/source",
    "/citations/3/field",
    "/citations/4/quote",
    "/citations/5",
}


def test_every_fault_of_a_records_own_is_told_at_once(clerk: Clerk) -> None:
    before = everything(clerk.database)
    assert pointers(clerk.post("meetings", BAD_MEETING)) == OF_BAD_MEETING
    assert pointers(clerk.put("meetings/talks", BAD_MEETING)) == OF_BAD_MEETING
    assert pointers(clerk.patch("meetings/talks", BAD_MEETING)) == OF_BAD_MEETING
    assert everything(clerk.database) == before


def test_every_fault_of_its_citations_is_told_at_once(clerk: Clerk) -> None:
    before = everything(clerk.database)
    assert pointers(clerk.post("meetings", {"name": "Name", "citations": BAD_CITATIONS})) == OF_BAD_CITATIONS
    assert pointers(clerk.patch("meetings/talks", {"citations": BAD_CITATIONS})) == OF_BAD_CITATIONS
    assert pointers(clerk.patch("meetings/talks", {"citations": {"0": PROOF}})) == {"/citations"}
    assert everything(clerk.database) == before


def test_a_records_own_faults_do_not_hide_those_of_its_references_and_citations(clerk: Clerk) -> None:
    bad = {**BAD_MEETING, "country": "ZZ", "topics": ["nothing"], "citations": BAD_CITATIONS}
    assert pointers(clerk.post("meetings", bad)) >= OF_BAD_MEETING | {"/country", "/topics/0"} | OF_BAD_CITATIONS


def test_every_field_says_in_words_what_it_expects(clerk: Clerk) -> None:
    schemas = clerk.client.get("/openapi.json").json()["components"]["schemas"]
    told = {}
    for resource in RESOURCES:
        fields = set(schemas[f"{resource.title}Input"]["properties"])
        names = {"names": [{"language": "!", "text": "!", "type": "!"}]} if "names" in fields else {}
        for wrong in ("!", " "):
            answer = clerk.post(resource.plural, dict.fromkeys(fields, wrong) | names)
            assert "should match pattern" not in answer.text
            for pointer, detail in refused(answer, 422, "invalid"):
                told[resource.plural, pointer, wrong] = detail
    assert told["organizations", "/website", "!"].startswith("'!' is no web address")
    assert told["organizations", "/name", " "] == "is empty: write a value, or leave it out"
    assert told["organizations", "/names/0/language", "!"].startswith("'!' is no language tag")
    assert told["organizations", "/identifiers", "!"] == "must be an array"
    digest = clerk.post("sources", {"title": "Title", "texts": [{"sha256": "!"}]})
    ((pointer, detail),) = refused(digest, 422, "invalid")
    assert pointer == "/texts/0/sha256"
    assert detail.startswith("'!' is no SHA-256 digest")


def test_a_wrong_id_does_not_hide_other_faults(clerk: Clerk) -> None:
    assert pointers(clerk.put("meetings/talks", {**BAD_MEETING, "id": "other"})) == {*OF_BAD_MEETING, "/id"}


REFERENCE_FAULTS: tuple[tuple[str, Content, str, str], ...] = (
    ("meetings", {"name": "N", "country": "ZZ"}, "/country", "there is no country 'ZZ'"),
    ("meetings", {"name": "N", "country": {"id": "ZZ", "name": "Z"}}, "/country", "there is no country 'ZZ'"),
    ("meetings", {"name": "N", "topics": ["connectivity", "nothing"]}, "/topics/1", "there is no topic 'nothing'"),
    ("meetings", {"name": "N", "topics": [{"id": "BY", "name": "B"}]}, "/topics/0", "'BY' is a country"),
    ("meetings", {"name": "N", "country": "ministry"}, "/country", "'ministry' is an organization; it must be a country"),
    ("parties", {"memorandum": "paper", "party": "somebody", "role": "party"}, "/party", "'somebody' is a person"),
    ("organizations", {"name": "N", "country": {"name": "China"}}, "/country", ""),
    ("organizations", {"name": "N", "country": {}}, "/country", ""),
    ("organizations", {"name": "N", "country": ["BY"]}, "/country", ""),
    ("organizations", {"name": "N", "country": "China"}, "/country", "'China' is no id"),
    ("organizations", {"id": "N", "name": "N"}, "/id", "'N' is no id"),
    ("people", {"id": "blr", "name": "N"}, "/id", "is a country's code"),
    ("people", {"id": "PL", "name": "N"}, "/id", "only a country's"),
    ("people", {"id": "PL", "kind": "country", "name": "N"}, "/kind", ""),
    ("citations", {**PROOF, "record": "nothing"}, "/record", "there is no record 'nothing'"),
    ("citations", {**PROOF, "record": "talks", "field": "seat"}, "/field", "it has"),
)


def test_a_reference_that_leads_nowhere_or_to_the_wrong_kind_is_refused(clerk: Clerk) -> None:
    before = everything(clerk.database)
    for plural, content, pointer, detail in REFERENCE_FAULTS:
        ((at, told),) = refused(clerk.post(plural, content), 422, "invalid")
        assert at == pointer, (content, told)
        assert detail in told
    assert everything(clerk.database) == before


CHAINS = (("organizations", "parent"), ("topics", "broader"), ("meetings", "part_of"), ("series", "parent"))


@pytest.mark.parametrize(("plural", "field"), CHAINS)
def test_no_record_is_above_itself(clerk: Clerk, plural: str, field: str) -> None:
    for name, above in (("first", None), ("second", "first"), ("third", "second")):
        clerk.made(plural, {"id": name, "name": name, field: above})
    before = everything(clerk.database)
    for below in ("first", "second", "third"):
        ((pointer, detail),) = refused(clerk.patch(f"{plural}/first", {field: below}), 422, "invalid")
        assert (pointer, "above itself" in detail) == (f"/{field}", True)
    assert pointers(clerk.post(plural, {"id": "own", "name": "Own", field: "own"})) == {f"/{field}"}
    kind = clerk.read(f"{plural}/first")["kind"]
    lines = ({"kind": kind, "id": one, "name": one, field: other} for one, other in (("left", "right"), ("right", "left")))
    answer = clerk.post("import", "\n".join(map(json.dumps, lines)).encode(), content_type="application/x-ndjson")
    assert pointers(answer) == {f"/{field}"}
    assert everything(clerk.database) == before


DATED: tuple[tuple[str, Content], ...] = (
    ("participants", {"meeting": "talks", "country": "CN", "role": "speaker"}),
    ("outcomes", {"name": "Agreed", "type": "understanding", "meeting": "talks"}),
    ("actions", {"of": "paper", "type": "discussed", "meeting": "talks"}),
)


@pytest.mark.parametrize(("plural", "content"), DATED)
def test_dates_agree_with_those_of_the_meeting_in_both_directions(clerk: Clerk, plural: str, content: Content) -> None:
    assert pointers(clerk.post(plural, {**content, "date": "2025-06-18"})) == {"/date"}
    made = clerk.made(plural, {**content, "date": "2025-06"})
    path = f"{plural}/{made['id']}"
    assert pointers(clerk.patch(path, {"date": "2025-07"})) == {"/date"}
    assert clerk.patch(path, {"date": "2025-06-16"}).status_code == 200
    ((pointer, detail),) = refused(clerk.patch("meetings/talks", {"date": "2025-06-17"}), 422, "invalid")
    assert pointer == "/date"
    assert made["id"] in detail
    assert clerk.patch("meetings/talks", {"date": "2025-06-15/2025-06-16"}).status_code == 200
    assert clerk.patch("meetings/talks", {"date": None}).status_code == 200
    assert clerk.patch(path, {"date": "2020"}).status_code == 200
    assert pointers(clerk.patch("meetings/talks", {"date": "2025"})) == {"/date"}


@pytest.mark.parametrize(("plural", "content"), DATED)
def test_what_has_no_date_keeps_its_meetings_when_something_else_changes(clerk: Clerk, plural: str, content: Content) -> None:
    made = clerk.made(plural, content)
    path = f"{plural}/{made['id']}"
    field = {"participants": "capacity", "outcomes": "summary", "actions": "note"}[plural]
    for changes in ({field: "Changed"}, {"citations": [PROOF]}):
        patched = clerk.patch(path, changes).json()
        for read in (patched, clerk.read(path)):
            assert (read["date"], read["date_start"], read["date_end"]) == (None, "2025-06-16", "2025-06-16")
        listed = clerk.read(f"{plural}?date_from=2025-06-16&date_to=2025-06-16")["data"]
        assert made["id"] in {each["id"] for each in listed}


def test_a_meeting_does_not_move_away_from_what_comes_with_it_unchanged(clerk: Clerk) -> None:
    dated = {"kind": "outcome", "id": "agreed", "name": "Agreed", "type": "pledge", "meeting": "talks", "date": "2025-06-16"}
    clerk.made("outcomes", dated)
    moved = {"kind": "meeting", "id": "talks", "name": "Talks", "date": "2020"}
    lines = "\n".join(json.dumps(line) for line in (moved, dated)).encode()
    answer = clerk.post("import", lines, content_type="application/x-ndjson")
    assert pointers(answer) == {"/date"}


UNREADABLE: tuple[tuple[bytes, int, str], ...] = (
    (b"", 400, "malformed"),
    (b"{", 400, "malformed"),
    (b'{"name":"A"} {}', 400, "malformed"),
    (b'{"name":"A","name":"B"}', 400, "malformed"),
    (b'{"name":"A","names":[{"text":"a","text":"b"}]}', 400, "malformed"),
    (b'{"name":"A","attendance":NaN}', 400, "malformed"),
    (b'{"name":"A","attendance":-Infinity}', 400, "malformed"),
    (b'{"name":"\xff"}', 400, "malformed"),
    ('{"name":"Ж"}'.encode("cp1251"), 400, "malformed"),
    (b'{"name":' + b"[" * 40 + b"]" * 40 + b"}", 400, "malformed"),
    (b"[" * 100_000, 400, "malformed"),
    (b'{"name":' + b"9" * 5_000 + b"}", 400, "malformed"),
    (b"[]", 422, "invalid"),
    (b"null", 422, "invalid"),
    (b'"text"', 422, "invalid"),
    ('{"name":"A"}'.encode("utf-16"), 400, "malformed"),
    ('{"name":"A"}'.encode("utf-32-le"), 400, "malformed"),
)


def test_a_body_that_is_no_object_of_json_is_refused(clerk: Clerk) -> None:
    before = everything(clerk.database)
    for body, status, code in UNREADABLE:
        for answer in (
            clerk.post("meetings", body, content_type="application/json"),
            clerk.put("meetings/talks", body, content_type="application/json"),
            clerk.patch("meetings/talks", body, content_type="application/json"),
        ):
            refused(answer, status, code)
    assert everything(clerk.database) == before


UNSTORABLE: tuple[tuple[str, Content, str], ...] = (
    ("people", {"name": "A\0B"}, "/name"),
    ("people", {"name": "A\ud800"}, "/name"),
    ("people", {"id": "a\0b", "name": "A"}, "/id"),
    ("people", {"name": "A", "names": [{"language": "en", "text": "\0", "type": "alias"}]}, "/names/0/text"),
    ("people", {"name": "A", "identifiers": [{"scheme": "a", "identifier": "\udfff"}]}, "/identifiers/0/identifier"),
    ("people", {"name": "A", "citations": [{**PROOF, "quote": "\0"}]}, "/citations/0/quote"),
    ("sources", {"title": "A", "url": "https://example.org/\0"}, "/url"),
    ("sources", {"title": "A", "url": "https://example.org/\ud800"}, "/url"),
    ("organizations", {"name": "A", "website": "https://example.org/a\0b"}, "/website"),
    ("organizations", {"name": "A", "country": "B\0"}, "/country"),
    ("meetings", {"name": "A", "date": "2025\0"}, "/date"),
)


@pytest.mark.parametrize(("plural", "content", "pointer"), UNSTORABLE)
def test_what_no_text_can_hold_is_refused(clerk: Clerk, plural: str, content: Content, pointer: str) -> None:
    assert pointers(clerk.post(plural, content)) == {pointer}


def test_a_field_that_no_text_can_name_is_refused(clerk: Clerk) -> None:
    for name in ("\0", "a/b~c", "\ud800"):
        ((pointer, _),) = refused(clerk.post("people", {"name": "A", name: 1}), 422, "invalid")
        assert pointer is not None
        assert pointer != "/name"
    assert ("/a~1b~0c", "there is no such field here") in refused(
        clerk.post("people", {"name": "A", "a/b~c": 1}), 422, "invalid"
    )


def test_an_id_that_no_record_can_have_is_refused(clerk: Clerk) -> None:
    for record_id in ("A%20b", "a%00b", "Ivan", "-a", "x" * 101, "%D0%96"):
        assert pointers(clerk.put(f"people/{record_id}", {"name": "Name"})) == {"/id"}
        refused(clerk.patch(f"people/{record_id}", {"name": "Name"}), 404, "not_found")
        refused(clerk.delete(f"people/{record_id}"), 404, "not_found")


def test_a_body_of_another_type_or_packed_is_refused(clerk: Clerk) -> None:
    body = b'{"name":"Name"}'
    for media in ("text/plain", "application/x-ndjson", "application/json; charset=cp1251", "", "application/merge-patch+json"):
        refused(clerk.post("people", body, content_type=media), 415, "unsupported_media_type")
        refused(clerk.put("people/nobody", body, content_type=media), 415, "unsupported_media_type")
    refused(clerk.patch("people/somebody", body, content_type="application/xml"), 415, "unsupported_media_type")
    for encoding in ("gzip", "br"):
        answer = clerk.post("people", body, content_encoding=encoding)
        refused(answer, 415, "unsupported_media_type")
        assert answer.headers["accept-encoding"] == "identity"
    assert clerk.post("people", body, content_encoding="identity", content_type="application/json; charset=utf-8").is_success


def test_a_body_that_is_too_large_is_refused(clerk: Clerk) -> None:
    limit = clerk.database.settings.body_limit
    fits = json.dumps({"name": "Name"}).encode().ljust(limit)
    assert clerk.put("people/nobody", fits).status_code == 201
    for answer in (clerk.post("people", fits + b" "), clerk.put("people/nobody", fits + b" ")):
        refused(answer, 413, "payload_too_large")

    def chunks() -> Iterator[bytes]:
        yield from (fits, b" ")

    answer = clerk.client.post("/v1/people", content=chunks(), headers={**clerk.key, "content-type": "application/json"})
    refused(answer, 413, "payload_too_large")


def test_a_collection_that_is_none_is_not_found(clerk: Clerk) -> None:
    for method, path in (
        ("POST", "persons"),
        ("PUT", "persons/a"),
        ("PATCH", "persons/a"),
        ("DELETE", "persons/a"),
        ("POST", "persons/a/restore"),
        ("POST", "persons/a/merge"),
    ):
        refused(clerk.send(method, path, {}), 404, "not_found")


NO_PARAMETERS = ("dry_run=maybe", "dryrun=true", "fields=nonsense", "include=parts", "lang=1", "dry_run=true&dry_run=true")


def test_a_parameter_that_is_not_understood_is_refused(clerk: Clerk) -> None:
    before = everything(clerk.database)
    for query in NO_PARAMETERS:
        for answer in (
            clerk.post(f"people?{query}", {"name": "Name"}),
            clerk.put(f"people/somebody?{query}", {"name": "Name"}, if_match="*"),
            clerk.patch(f"people/somebody?{query}", {"name": "Name"}),
            clerk.delete(f"people/somebody?{query}"),
        ):
            refused(answer, 422, "invalid")
            assert [fault["parameter"] for fault in answer.json()["errors"]] == [query.partition("=")[0]]
    assert everything(clerk.database) == before
