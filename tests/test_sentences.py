"""Sentences of documents, each as the records that say exactly that, and as a question that is one request."""

from typing import Any

import pytest
from alembic import command

from app.db.schema import alembic_config
from app.errors import OperatorError
from tests.conftest import run_command
from tests.test_naming import ids
from tests.test_writing import Clerk, clerk_of, refused

Content = dict[str, Any]
ACT, ROW = {"kind": "action"}, {"kind": "participant"}
WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "country", "id": "SG", "alpha_3": "SGP", "numeric": "702", "name": "Singapore"},
    {"kind": "organization", "id": "league", "name": "League", "founded": "1990"},
    {"kind": "organization", "id": "ministry", "name": "Ministry", "country": "BY"},
    {"kind": "organization", "id": "centre", "name": "Training centre", "country": "SG"},
    {"kind": "organization", "id": "order-of-merit", "name": "Order of merit"},
    *({"kind": "person", "id": each, "name": each.title()} for each in ("orlan", "rell", "host", "editor", "laureate")),
    *({"kind": "series", "id": each, "name": each.title()} for each in ("forums", "board", "council")),
    # G1: agreed and never signed; carried out; renewed
    {"kind": "memorandum", "id": "draft-pact", "name": "Pact on networks", "status": "agreed"},
    {**ACT, "id": "pact-agreed", "of": "draft-pact", "type": "agreed", "date": "2021-03-01"},
    {**ACT, "id": "pact-ahead", "of": "draft-pact", "type": "announced", "date": "2021-03-01", "date_after": "2022-06"},
    {"kind": "memorandum", "id": "old-mou", "name": "Memorandum of 2015", "status": "ended"},
    {
        "kind": "memorandum",
        "id": "new-mou",
        "name": "Memorandum of 2020",
        "date": "2020-05-01",
        "term": "p3y",
        "term_from": "signed",
    },
    {"kind": "relation", "id": "renewal", "memorandum": "new-mou", "related": "old-mou", "type": "renews"},
    {**ACT, "id": "carried-out", "of": "new-mou", "type": "carried_out", "date": "2021", "note": "By regular exchanges."},
    {**ACT, "id": "extension", "of": "new-mou", "type": "extended", "date": "2023-04", "term": "P5Y"},
    # G2: put off, moved, confirmed
    {"kind": "meeting", "id": "forum", "name": "Forum", "series": "forums", "date": "2020-08-31", "status": "planned"},
    {"kind": "meeting", "id": "seminar", "name": "Seminar", "date": "2020-09", "status": "planned"},
    {"kind": "meeting", "id": "dinner", "name": "Dinner", "status": "postponed"},
    {
        **ACT,
        "id": "moved",
        "of": "forum",
        "type": "moved",
        "date": "2020-03-20",
        "date_before": "2020-04",
        "date_after": "2020-08-31",
    },
    {**ACT, "id": "put-off", "of": "dinner", "type": "postponed", "date": "2020-03-20", "date_before": "2020-04-02"},
    {**ACT, "id": "stays", "of": "seminar", "type": "confirmed", "date": "2020-03-20"},
    # G3, G8: in whose presence, who moderated, who will come
    {**ROW, "id": "orlan-there", "meeting": "signing", "person": "orlan", "role": "witness", "rank": "head_of_government"},
    {**ROW, "id": "deputy-there", "meeting": "signing", "person": "editor", "role": "delegate", "on_behalf_of": "rell"},
    {**ROW, "id": "league-invited", "meeting": "signing", "organization": "league", "role": "inviter"},
    {**ROW, "id": "host-there", "meeting": "signing", "person": "host", "role": "moderator"},
    {**ROW, "id": "laureate-there", "meeting": "signing", "person": "laureate", "role": "guest"},
    {
        **ROW,
        "id": "rell-comes",
        "meeting": "forum",
        "person": "rell",
        "country": "BY",
        "role": "speaker",
        "presence": "expected",
    },
    # G4: not after a day; the date as printed
    {"kind": "meeting", "id": "signing", "name": "Signing", "date": "../2025-05-20", "date_note": "today"},
    {"kind": "meeting", "id": "fair", "name": "Fair", "date_note": "27–28 July"},
    # G6: a joint sitting
    {
        "kind": "meeting",
        "id": "joint",
        "name": "Joint sitting",
        "series": "board",
        "ordinal": 51,
        "joint_with": [{"series": "council", "ordinal": 22}],
        "date": "2022-06-01",
    },
    {**ROW, "id": "ministry-at-joint", "meeting": "joint", "organization": "ministry", "role": "delegation"},
    # G7, G9: several actors; an order given; a decision
    {
        "kind": "outcome",
        "id": "training",
        "name": "Training of experts",
        "type": "pledge",
        "meeting": "joint",
        "made_by": "BY",
        "made_to": "league",
        "others": [
            {"actor": "rell", "role": "maker"},
            {"actor": "orlan", "role": "addressee"},
            {"actor": "centre", "role": "carrier"},
        ],
    },
    {
        "kind": "outcome",
        "id": "order",
        "name": "Order of merit for Laureate",
        "type": "award",
        "made_by": "laureate",
        "subject": "order-of-merit",
        "others": [{"actor": "orlan", "role": "giver"}],
    },
    {"kind": "outcome", "id": "appointment", "name": "Host becomes secretary", "type": "decision", "meeting": "joint"},
    # G10: as a paper learned; an interview
    {"kind": "source", "id": "report", "title": "Report", "according_to": "The Paper", "interviewee": "rell"},
    # G11: two values of one source
    {"kind": "citation", "record": "draft-pact", "field": "status", "value": "adopted", "source": "report", "paragraph": 1}
    | {"quote": "approved", "confidence": "doubtful"},
    {"kind": "citation", "record": "draft-pact", "field": "status", "value": "agreed", "source": "report", "paragraph": 3}
    | {"quote": "draft agreed", "confidence": "stated"},
    # G12: a presidency
    {"kind": "position", "id": "chair-2018", "held_by": "SG", "title": "Chair of the League", "organization": "league"}
    | {"since": "2018", "until": "2018"},
    {"kind": "position", "id": "rell-minister", "person": "rell", "title": "Minister", "organization": "ministry"},
    {"kind": "membership", "id": "ministry-in-league", "of": "league", "member": "ministry", "status": "full"},
    {"kind": "membership", "id": "sg-in-league", "of": "league", "member": "SG", "status": "full"},
)

clerk = clerk_of(*WORLD, {"kind": "organization", "id": "former-centre", "name": "Former centre"})


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("memoranda?status=agreed", ["draft-pact"]),  # what was agreed and never signed
        ("actions?type=carried_out", ["carried-out"]),
        ("relations?type=renews", ["renewal"]),
        ("memoranda?term=P3Y&term_from=signed", ["new-mou"]),  # what runs for three years from signature
        ("memoranda?valid_at=2024-01-01&q=2020", ["new-mou"]),  # because it was extended by five years
        ("memoranda?valid_at=2028-05-02&q=2020", []),
        (
            "actions?type=moved&type=postponed&date_from=2020-01-01&date_to=2020-12-31",
            ["put-off", "moved"],
        ),  # what moved in 2020
        ("actions?of=seminar", ["stays"]),
        ("actions?of=draft-pact&type=announced", ["pact-ahead"]),
        ("participants?on_behalf_of=rell", ["deputy-there"]),
        ("participants?role=inviter", ["league-invited"]),
        ("participants?role=witness", ["orlan-there"]),  # in whose presence
        ("participants?role=moderator&role=guest&sort=id", ["host-there", "laureate-there"]),
        ("participants?presence=expected", ["rell-comes"]),  # who will come
        ("meetings?participant=rell", ["signing", "forum"]),
        ("meetings?date_from=2025-01-01&date_to=2025-12-31", ["signing"]),
        ("meetings?date_from=2024-05-19&date_to=2024-05-19", []),
        ("meetings?date_from=2024-05-20&date_to=2024-05-20", ["signing"]),
        ("meetings?series=council", ["joint"]),
        ("meetings?series=board&series=forums", ["joint", "forum"]),
        ("participants?series=council", ["ministry-at-joint"]),
        ("participants?series=forums", ["rell-comes"]),
        ("outcomes?made_by=rell", ["training"]),
        ("outcomes?made_to=orlan&made_to=league", ["training"]),
        ("outcomes?carrier=centre", ["training"]),
        ("outcomes?giver=orlan", ["order"]),
        ("outcomes?type=decision", ["appointment"]),
        ("outcomes?made_by=by&made_by=sgp", ["training"]),
        ("outcomes?carrier=former-centre", ["training"]),
        ("outcomes?participant=orlan&sort=name", ["order", "training"]),
        ("outcomes?participant=centre", []),  # who carries it out takes no part in it
        ("outcomes?between=rell,league", ["training"]),
        ("sources?interviewee=rell", ["report"]),
        ("citations?field=status&record=draft-pact&confidence=doubtful", None),
        ("positions?held_by=SG", ["chair-2018"]),
        ("positions?holder=702&valid_at=2018-06-01", ["chair-2018"]),
        ("positions?holder=rell", ["rell-minister"]),
        ("positions?person=rell", ["rell-minister"]),
        ("memberships?member=BY", ["ministry-in-league"]),  # through its ministry
        ("memberships?member_exact=BY", []),
        ("memberships?member=SG&member=BY&sort=id", ["ministry-in-league", "sg-in-league"]),
        ("memberships?member_exact=SG&of=league", ["sg-in-league"]),
        ("search?q=27–28%20July", ["fair"]),
        ("search?q=joint%20sitting&kind=meeting", ["joint"]),
    ],
)
def test_a_question_is_one_request(clerk: Clerk, question: str, answer: list[str] | None) -> None:
    if "former-centre" in question and clerk.get("organizations/former-centre").status_code == 200:
        clerk.merged("organizations", "former-centre", "centre")
    found = ids(clerk.get(question))
    assert len(found) == 1 if answer is None else found == answer


@pytest.mark.parametrize("name", ["made_by", "made_to", "carrier", "giver", "series"])
def test_a_value_that_names_no_such_record_is_refused(clerk: Clerk, name: str) -> None:
    plural = "meetings" if name == "series" else "outcomes"
    assert refused(clerk.get(f"{plural}?{name}=nobody-of-this-name"), 422, "invalid")
    assert refused(clerk.get(f"{plural}?{name}=forum"), 422, "invalid"), "a meeting is no actor and no series"


def test_a_merge_of_meetings_keeps_what_was_done_to_the_one_at_the_other(clerk: Clerk) -> None:
    for each in ("twin-a", "twin-b"):
        clerk.made("meetings", {"id": each, "name": each})
    clerk.made("actions", {"id": "said-there", "of": "twin-a", "type": "confirmed", "meeting": "twin-b", "date": "2025-01"})
    clerk.merged("meetings", "twin-a", "twin-b")
    kept = clerk.read("actions/said-there")
    assert (kept["of"]["id"], kept["meeting"]["id"]) == ("twin-b", "twin-b")
    assert clerk.database.disagreements() == []


def test_a_joint_sitting_has_each_series_once_also_after_a_merge(clerk: Clerk) -> None:
    twice = {"name": "M", "series": "board", "joint_with": [{"series": "council"}, {"series": "council", "ordinal": 2}]}
    assert "has a series twice" in clerk.post("meetings", twice).text
    assert "has a series twice" in clerk.post("meetings", {**twice, "joint_with": [{"series": "board"}]}).text
    for number, (first, other) in enumerate((("body-a", "body-b"), ("body-b", "body-a"))):
        for each in ("body-a", "body-b"):
            clerk.made("series", {"id": f"{each}-{number}", "name": each})
        joint = {"id": f"both-{number}", "name": "Both", "series": f"{first}-{number}", "ordinal": 1}
        clerk.made("meetings", {**joint, "joint_with": [{"series": f"{other}-{number}", "ordinal": 2}, {"series": "council"}]})
        clerk.merged("series", f"body-a-{number}", f"body-b-{number}")
        shown = clerk.read(f"meetings/both-{number}")
        assert (shown["series"]["id"], [each["series"]["id"] for each in shown["joint_with"]]) == (
            f"body-b-{number}",
            ["council"],
        )
    assert clerk.database.disagreements() == []


def test_what_moved_says_from_when_to_when(clerk: Clerk) -> None:
    (moved,) = clerk.read("actions?type=moved")["data"]
    assert (moved["of"], moved["date_before"], moved["date_after"]) == (
        {"id": "forum", "kind": "meeting", "name": "Forum"},
        "2020-04",
        "2020-08-31",
    )
    assert (moved["date_before_start"], moved["date_before_end"]) == ("2020-04-01", "2020-04-30")
    forum = clerk.read("meetings/forum?include=changes,participants")
    assert [each["id"] for each in forum["changes"]] == ["moved"]
    assert [each["meeting_status"] for each in forum["participants"]] == ["planned"]
    assert clerk.read("memoranda/new-mou")["term"] == "P3Y"


def test_actors_of_an_outcome_have_their_roles(clerk: Clerk) -> None:
    assert clerk.read("outcomes/training")["others"] == [
        {"actor": {"id": "rell", "kind": "person", "name": "Rell"}, "role": "maker"},
        {"actor": {"id": "orlan", "kind": "person", "name": "Orlan"}, "role": "addressee"},
        {"actor": {"id": "centre", "kind": "organization", "name": "Training centre"}, "role": "carrier"},
    ]
    answer = clerk.patch("outcomes/training", {"others": [{"actor": "joint", "role": "maker"}, {"role": "carrier"}]})
    assert {pointer for pointer, _ in refused(answer, 422, "invalid")} >= {"/others/1/actor"}
    answer = clerk.patch("outcomes/training", {"others": [{"actor": "joint", "role": "maker"}]})
    told = "'joint' is a meeting; it must be a country or an organization or a person"
    assert refused(answer, 422, "invalid") == [("/others/0/actor", told)]


def test_a_plan_is_no_journey_and_becomes_one(clerk: Clerk) -> None:
    assert ids(clerk.get("meetings?participant=BY&date_to=2020-12-31")) == ["forum"]
    clerk.patch("meetings/forum", {"status": "held"})
    assert ids(clerk.get("meetings?participant=BY&date_to=2020-12-31")) == []
    clerk.patch("participants/rell-comes", {"presence": "in_person"})
    assert ids(clerk.get("meetings?participant=BY&date_to=2020-12-31")) == ["forum"]
    clerk.patch("meetings/forum", {"status": "planned"})
    clerk.patch("participants/rell-comes", {"presence": "expected"})


@pytest.mark.parametrize(
    ("plural", "body", "pointer", "told"),
    [
        ("actions", {"of": "forum", "type": "signed"}, "/type", "'signed' is not done to a meeting; these are: announced, "),
        ("actions", {"of": "new-mou", "type": "moved"}, "/type", "'moved' is done only to a meeting, not to a memorandum"),
        (
            "actions",
            {"of": "new-mou", "type": "signed", "date_before": "2020"},
            "/date_before",
            "only these actions have it: announced, postponed",
        ),
        ("actions", {"of": "new-mou", "type": "signed", "term": "P1Y"}, "/term", "only an action of the type extended has it"),
        ("actions", {"of": "new-mou", "type": "extended", "term": "3 years"}, "/term", "write P3Y for three years"),
        ("memoranda", {"name": "M", "term": "PT5H"}, "/term", "is no duration"),
        ("memoranda", {"name": "M", "term_from": "signed"}, "/term_from", "means nothing without term"),
        ("meetings", {"name": "M", "date": "2020/.."}, "/date", "has no end; an event has one. Write ../2025-05-20"),
        ("positions", {"title": "Chair"}, "/person", "exactly one of person and held_by"),
        ("positions", {"title": "Chair", "person": "rell", "held_by": "SG"}, "/person", "exactly one of person and held_by"),
        ("memberships", {"of": "league", "member": "BY", "status": "full", "attested": ["../2020"]}, "/attested/0", "is open"),
    ],
)
def test_what_says_something_else_is_refused(clerk: Clerk, plural: str, body: Content, pointer: str, told: str) -> None:
    faults = dict(refused(clerk.post(plural, body), 422, "invalid"))
    assert told in faults[pointer]


def test_ids_of_records_without_new_fields_are_what_they_were(clerk: Clerk) -> None:
    """The ids that the seed has were derived before actions had dates of meetings and offices other holders."""
    line = {"kind": "action", "of": "new-mou", "type": "signed", "date": "2020-05-01", "meeting": "joint", "note": "N"}
    schema = clerk.database.writer.schemas
    (action,) = (each for kind, each in schema.items() if kind == "action")
    assert action.derived_id(line) == "e04199ec-c008-5e8a-852e-99857fae8ca2"
    assert action.derived_id({**line, "date_before": "2020"}) != action.derived_id(line)
    (position,) = (each for kind, each in schema.items() if kind == "position")
    office = {"kind": "position", "person": "rell", "title": "Minister", "organization": "ministry"}
    assert position.derived_id(office) == "f37d39b0-267b-5994-bce4-678d560016a6"


def test_windows_say_how_many_undated_records_they_leave_out(clerk: Clerk) -> None:
    window = "date_from=2020-01-01&date_to=2020-12-31"
    page = clerk.read(f"meetings?{window}&count=true&limit=1")["page"]
    assert (page["total"], page["undated"]) == (2, 2), "the dinner and the fair have no date"
    following = clerk.read(f"meetings?{window}&count=true&limit=1&cursor={page['next_cursor']}")["page"]
    assert (following["total"], following["undated"]) == (2, 2)
    assert clerk.read(f"meetings?{window}&count=true&status=postponed")["page"]["undated"] == 1
    assert clerk.read(f"meetings?{window}&count=true&participant=BY")["page"]["undated"] == 0
    assert clerk.read(f"participants?{window}&count=true")["page"]["undated"] == 0, "they have the days of their meetings"
    assert clerk.read(f"meetings?{window}")["page"]["undated"] is None
    assert clerk.read("meetings?count=true")["page"]["undated"] is None
    assert "undated" not in clerk.read("people?count=true")["page"]


def test_the_schema_before_is_refused_while_it_cannot_say_this(clerk: Clerk) -> None:
    url = clerk.database.url
    gone = (
        ("takes one series of a meeting: joint", "meetings/joint", {"joint_with": None}),
        ("one maker and one addressee of an outcome: order, training", "outcomes/training", {"others": None}),
        ("one maker and one addressee of an outcome: order", "outcomes/order", {"others": None}),
        ("no acts of meetings and no terms: extension, moved, pact-ahead, put-off, stays", "actions/extension", {"term": None}),
    )
    for told, path, patch in gone:
        with pytest.raises(OperatorError, match=told):
            command.downgrade(alembic_config(url), "0019")
        clerk.patch(path, patch)
    for each in ("moved", "pact-ahead", "put-off", "stays"):
        clerk.delete(f"actions/{each}")
    others: tuple[tuple[str, str, Content | None], ...] = (
        ("has no terms: new-mou", "memoranda/new-mou", {"term": None, "term_from": None}),
        ("has no offices of countries and organizations: chair-2018", "positions/chair-2018", None),
        ("has no sources of sources: report", "sources/report", {"according_to": None, "interviewee": None}),
        ("has no dates as printed: fair, signing", "meetings/fair", {"date_note": None}),
        ("has no dates as printed: signing", "meetings/signing", {"date_note": None}),
        ("takes no event before a day: signing", "meetings/signing", {"date": None}),
        (
            "these actions have values that the rule .* excludes: carried-out, pact-agreed",
            "actions/carried-out",
            {"type": "reviewed"},
        ),
        ("these actions .*: pact-agreed", "actions/pact-agreed", {"type": "negotiated"}),
        ("these memoranda .*: draft-pact", "memoranda/draft-pact", {"status": "draft"}),
        ("these outcomes .*: appointment", "outcomes/appointment", {"type": "statement"}),
        ("these participants .*: host-there, .*", "participants/league-invited", {"role": "organizer"}),
        ("these participants .*: host-there, laureate-there, orlan-there", "participants/host-there", {"role": "chair"}),
        ("these participants .*: laureate-there, orlan-there", "participants/laureate-there", {"role": "visitor"}),
        ("these participants .*: orlan-there", "participants/orlan-there", {"role": "observer"}),
        ("these relations .*: renewal", "relations/renewal", {"type": "confirms"}),
        ("these participants .*: deputy-there", "participants/deputy-there", {"on_behalf_of": None}),
    )
    for told, path, change in others:
        with pytest.raises(OperatorError, match=told):
            command.downgrade(alembic_config(url), "0019")
        answer = clerk.delete(path) if change is None else clerk.patch(path, change)
        assert answer.status_code < 300, answer.text
    exported = clerk.database.export()
    command.downgrade(alembic_config(url), "0019")
    assert run_command("migrate", url=url).returncode == 0
    assert clerk.database.export() == exported
    assert clerk.database.disagreements() == []
