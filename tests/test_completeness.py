"""What the registry says of its own gaps: whether lists have all there is, and in which language a text is."""

from typing import Any

from alembic import command

from app.db.schema import alembic_config
from tests.conftest import run_command
from tests.test_merging import load
from tests.test_naming import ids
from tests.test_writing import Clerk, clerk_of, refused

Content = dict[str, Any]
WORLD: tuple[Content, ...] = (
    {"kind": "country", "id": "BY", "alpha_3": "BLR", "numeric": "112", "name": "Belarus"},
    {"kind": "country", "id": "FJ", "alpha_3": "FJI", "numeric": "242", "name": "Fiji"},
    {"kind": "organization", "id": "club", "name": "Club", "members_coverage": "partial"},
    {"kind": "organization", "id": "silent", "name": "Silent"},
    {"kind": "series", "id": "rounds", "name": "Rounds", "members_coverage": "complete"},
    {"kind": "person", "id": "minister", "name": "Minister"},
    {"kind": "meeting", "id": "talks", "name": "Talks", "participants_coverage": "complete", "city": "Минск", "language": "ru"},
    {"kind": "memorandum", "id": "treaty", "name": "Treaty", "parties_coverage": "partial"},
    {"kind": "membership", "id": "in-club", "of": "club", "member": "FJ", "status": "full"},
    {"kind": "membership", "id": "in-rounds", "of": "rounds", "member": "BY", "status": "full"},
    {"kind": "party", "id": "side", "memorandum": "treaty", "party": "BY", "role": "party"},
    {
        "kind": "participant",
        "id": "row",
        "meeting": "talks",
        "person": "minister",
        "role": "speaker",
        "capacity": "Министр связи",
        "contribution": "Spoke.",
        "language": "en",
        "names": [{"language": "en", "text": "Minister of Communications", "type": "translation"}],
    },
    {
        "kind": "position",
        "id": "office",
        "person": "minister",
        "title": "Министр связи",
        "names": [
            {"language": "en", "text": "Minister of Communications", "type": "translation"},
            {"language": "ru", "text": "Министр связи", "type": "official"},
        ],
    },
)
clerk = clerk_of(*WORLD)


def test_a_list_of_all_links_of_one_record_says_whether_they_are_all(clerk: Clerk) -> None:
    for query, coverage in {
        "memberships?of=club": "partial",
        "memberships?of=rounds": "complete",
        "memberships?of=silent": None,
        "memberships?of=club&valid_at=2020-01-01": "partial",
        "memberships?of=club&of=rounds": None,
        "memberships?member=FJ": None,
        "participants?meeting=talks": "complete",
        "parties?memorandum=treaty": "partial",
        "parties": None,
    }.items():
        assert clerk.read(query)["page"]["coverage"] == coverage, query
    assert "coverage" not in clerk.read("meetings")["page"]
    assert clerk.read("organizations/club")["members_coverage"] == "partial"
    ((pointer, _),) = refused(clerk.patch("memoranda/treaty", {"parties_coverage": "all"}), 422, "invalid")
    assert pointer == "/parties_coverage"


def test_the_coverage_is_that_of_the_record_for_which_a_value_stands(clerk: Clerk) -> None:
    clerk.post("organizations/silent/merge", {"into": "club"})
    page = clerk.read("memberships?of=silent")
    assert (ids(clerk.get("memberships?of=silent")), page["page"]["coverage"]) == (["in-club"], "partial")


def test_titles_and_capacities_are_shown_in_the_language_asked_for(clerk: Clerk) -> None:
    for path, field in (("positions/office", "title"), ("participants/row", "capacity")):
        assert clerk.read(path)[field] == clerk.read(f"{path}?lang=ru")[field] == "Министр связи"
        assert clerk.read(f"{path}?lang=en")[field] == "Minister of Communications"
        assert clerk.read(f"{path}?lang=be")[field] == "Министр связи"
    included = clerk.read("meetings/talks?include=participants&lang=en")["participants"][0]
    assert (included["capacity"], included["language"]) == ("Minister of Communications", "en")
    table = clerk.get("participants?format=csv&fields=capacity&lang=en").text
    assert table == "id,capacity\r\nrow,Minister of Communications\r\n"
    assert clerk.read("search?q=minister+of+communications&lang=en")["data"] != []


def test_what_was_read_in_a_language_can_be_written_back(clerk: Clerk) -> None:
    for path, field in (("positions/office", "title"), ("participants/row", "capacity")):
        shown = clerk.read(f"{path}?lang=en")
        answer = clerk.put(f"{path}?lang=en", shown, if_match="*")
        assert answer.json()["version"] == shown["version"], answer.text
        assert clerk.read(path)[field] == "Министр связи"


def test_every_record_with_texts_of_its_own_may_say_their_language(clerk: Clerk) -> None:
    assert clerk.read("meetings/talks")["language"] == "ru"
    assert clerk.read("memoranda/treaty")["language"] is None
    load(clerk.database, {"kind": "action", "of": "treaty", "type": "signed", "note": "In Minsk.", "language": "en"})
    assert clerk.read("actions")["data"][0]["language"] == "en"
    for plural, record in (("people", "minister"), ("organizations", "club"), ("series", "rounds")):
        answer = clerk.patch(f"{plural}/{record}", {"summary": "Текст", "language": "ru"})
        assert (answer.status_code, answer.json()["language"]) == (200, "ru")
    ((pointer, _),) = refused(clerk.patch("people/minister", {"language": "Russian"}), 422, "invalid")
    assert pointer == "/language"


def test_a_short_main_name_is_shown_as_a_short_name_in_other_languages(clerk: Clerk) -> None:
    """The common name of a country, not its official one; the official name of an organization."""
    shown = [("zh", "中华人民共和国", "official"), ("zh", "中国", "short"), ("ru", "Китайская Народная Республика", "official")]
    names = [{"language": language, "text": text, "type": type_} for language, text, type_ in shown]
    clerk.made("countries", {"id": "QM", "alpha_3": "QMM", "name": "China", "names": names})
    clerk.made("organizations", {"id": "the-body", "name": "China", "names": names})
    own = [{"language": "en", "text": "China", "type": "short"}]
    clerk.made("organizations", {"id": "short-body", "name": "China", "names": [*own, *names]})

    def named(path: str, language: str) -> str:
        return str(clerk.read(f"{path}?lang={language}")["name"])

    assert [named("countries/QM", each) for each in ("zh", "ru")] == ["中国", "Китайская Народная Республика"]
    assert [named("organizations/the-body", each) for each in ("zh", "ru")] == [
        "中华人民共和国",
        "Китайская Народная Республика",
    ]
    assert named("organizations/short-body", "zh") == "中国"
    assert clerk.database.disagreements() == []


def test_which_name_is_shown_is_chosen_again_on_the_way_up_and_down(clerk: Clerk) -> None:
    url = clerk.database.url
    names = [{"language": "zh", "text": text, "type": type_} for text, type_ in (("正式", "official"), ("常用", "short"))]
    clerk.made("countries", {"id": "QN", "alpha_3": "QNN", "name": "Common", "names": names})
    shown = "SELECT text FROM names WHERE record_id = 'QN' AND {}"
    before, shown = shown.format("shown"), shown.format("shown_in = 'zh'")
    assert clerk.database.execute(shown) == [("常用",)]
    command.downgrade(alembic_config(url), "0019")
    assert clerk.database.execute(before) == [("正式",)]
    assert run_command("migrate", url=url).returncode == 0
    assert clerk.database.execute(shown) == [("常用",)]
    assert clerk.database.disagreements() == []
