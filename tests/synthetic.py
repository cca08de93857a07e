"""A registry made up at random, the same every time, and in plain Python the rules by which it must be read."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache, partial
from random import Random
from typing import Any

from app.domain import edtf
from app.domain.collation import sort_key
from app.domain.texts import cleaned

Content = dict[str, Any]

MEETINGS, PARTICIPANTS, MEMORANDA, PARTIES, OUTCOMES, ACTIONS = 300, 700, 70, 160, 110, 120
PEOPLE, BODIES, SERIES, TOPICS = 40, 32, 7, 6

COUNTRIES = {
    "AE": ("ARE", "784", "United Arab Emirates"),
    "AZ": ("AZE", "031", "Azerbaijan"),
    "BY": ("BLR", "112", "Belarus"),
    "CI": ("CIV", "384", "Côte d’Ivoire"),
    "CN": ("CHN", "156", "China"),
    "IN": ("IND", "356", "India"),
    "IR": ("IRN", "364", "Iran"),
    "KG": ("KGZ", "417", "Kyrgyzstan"),
    "KZ": ("KAZ", "398", "Kazakhstan"),
    "RU": ("RUS", "643", "Russia"),
    "TJ": ("TJK", "762", "Tajikistan"),
    "TR": ("TUR", "792", "Türkiye"),
    "UZ": ("UZB", "860", "Uzbekistan"),
}
CITIES = ("Minsk", "Ташкент", "北京", 'The "Hague"', "Saint-Denis\\Nord", "Genève & more=100%")
WORDS = (
    "Форум",
    "Совещание",
    "Ёлка",
    "Ежегодный",
    "Йошкар-Ола",
    "Meeting",
    "École",
    "eclair",
    "Ezra",
    "信息化部",
    'the "quoted"',
    "back\\slash\\",
    "new\nline",
    "tab\tstop",
    "return\r\nhere",
    "bell\x07",
    "unit\x1f",
    "delete\x7f",
    "next\x85line",
    "line\u2028paragraph\u2029",
    "no\u00a0break\ufeff",
    "👩‍💻🇧🇾",
    "=1+1",
    "a,b;c",
    "</script>",
    "{0}%s:name",
    "it's",
)
ODD_CHARACTERS = [
    *map(chr, range(1, 0x20)),
    *"\"'\\/<>&%=+-@,;|`$\x7f\x80\x85\x9f\xa0\xad\u0301\u200b\u200d\u200e\u2028\u2029\u202e\ufeff\ufffd\ufffe\uffff",
    *"ЁёЙйЎў中国한ع😀\U0001f1e7\U0010fffd\U0010ffff",
]
TYPES = ("summit", "ministerial", "session", "talks", "visit", "forum")
STATUSES = ("planned", "held", "postponed", "cancelled")
FORMATS = ("in_person", "online", "hybrid")
ROLES = ("chair", "host", "head_of_delegation", "delegation", "speaker", "observer", "participant")
RANKS = ("head_of_state", "minister", "deputy_minister", "expert")
PRESENCES = ("in_person", "remote", "absent", "expected")
MEMORANDUM_TYPES = ("memorandum", "agreement", "declaration", "plan")
MEMORANDUM_STATUSES = ("proposed", "draft", "signed", "in_force")
PARTY_ROLES = ("party", "adopter", "sponsor")
OUTCOME_TYPES = ("proposal", "understanding", "pledge", "statement")
OUTCOME_STATUSES = ("open", "realized", "declined")
ACTION_TYPES = ("proposed", "discussed", "signed", "reviewed", "ended")


class Registry:
    """Records by id in their last state, when each was written, and what the rules make of them."""

    def __init__(self, seed: int = 7) -> None:
        self._random = Random(seed)
        self.records: dict[str, Content] = {}
        self._make()
        self.batches: list[list[Content]] = self._batches()

    # -- making it up --------------------------------------------------------------------------------------------

    def _add(self, kind: str, key: str, **fields: Any) -> None:
        stated = {name: value for name, value in fields.items() if value not in (None, False, [])}
        self.records[key] = {"kind": kind, "id": key, **stated}

    def _one(self, of: Iterable[str], *, empty: float = 0.0) -> str | None:
        return None if self._random.random() < empty else self._random.choice(list(of))

    def _name(self) -> str:
        return cleaned(" ".join(self._random.choice(WORDS) for _ in range(self._random.randint(1, 3))))

    def _day(self) -> str:
        year, month, day = self._random.randint(2003, 2026), self._random.randint(1, 12), self._random.randint(1, 28)
        return self._random.choice([f"{year}", f"{year}-{month:02}", *[f"{year}-{month:02}-{day:02}"] * 3])

    def _date(self, *, empty: float = 0.2) -> str | None:
        if self._random.random() < empty:
            return None
        date = self._day()
        match self._random.randint(0, 9):
            case 0:
                return date + self._random.choice("~?%")
            case 1:
                return self._random.choice(["200X", "201X", "2004-XX"])
            case 2 | 3:
                other = self._day()
                first, last = (date, other) if edtf.bounds(date).start <= edtf.bounds(other).end else (other, date)
                return f"{first}/{last}"
        return date

    def _date_within(self, meeting: str | None, *, empty: float) -> str | None:
        """A date that agrees with the meeting's, or none."""
        date, of_meeting = self._date(empty=empty), self.records[meeting].get("date") if meeting else None
        if date is None or of_meeting is None:
            return date
        own, its = edtf.bounds(date), edtf.bounds(of_meeting)
        return date if own.start <= its.end and its.start <= own.end else of_meeting

    def _make(self) -> None:
        for key, (alpha_3, numeric, name) in COUNTRIES.items():
            self._add("country", key, alpha_3=alpha_3, numeric=numeric, name=name)
        for place in range(TOPICS):
            self._add(
                "topic", f"topic-{place}", name=self._name(), broader=self._one(self.ids("topic"), empty=0.5) if place else None
            )
        for place in range(BODIES):
            country = self._one(COUNTRIES, empty=0.3)
            parent = self._one(self.ids("organization"), empty=0.4) if place else None
            self._add("organization", f"body-{place:02}", name=self._name(), country=country, parent=parent)
        for place in range(PEOPLE):
            self._add("person", f"person-{place:02}", name=self._name(), sort_name=self._name() if place % 3 else None)
        for place, letter in enumerate(ODD_CHARACTERS):
            self._add("person", f"odd-{place:03}", name=cleaned(f"a{letter}b"), summary=cleaned(f"{letter}c{letter}"))
        for place in range(SERIES):
            self._add("series", f"series-{place}", name=self._name(), country=self._one(COUNTRIES, empty=0.5))
        for place in range(MEETINGS):
            self._add_meeting(place)
        for place in range(MEMORANDA):
            self._add(
                "memorandum",
                f"memo-{place:02}",
                name=self._name(),
                type=self._one(MEMORANDUM_TYPES, empty=0.2),
                status=self._one(MEMORANDUM_STATUSES, empty=0.2),
                date=self._date(),
                period=self._one(["2022/2023", "2020/..", "2024~"], empty=0.7),
                term="P3Y" if place % 4 == 0 else None,
                term_from="signed" if place % 8 == 0 else None,
                city=self._one(CITIES, empty=0.5),
                also_in=[{"city": CITIES[place % 6]}, {"city": "Astana", "country": "KZ"}] if place % 5 == 0 else None,
                country=self._one(COUNTRIES, empty=0.5),
                topics=self._random.sample(self.ids("topic"), self._random.choice([0, 0, 1, 2])),
            )
        self._add_links()

    def _add_meeting(self, place: int) -> None:
        series = self._one(self.ids("series"), empty=0.5)
        spoken = [{"language": "ru", "text": self._name(), "type": "official"}] if place % 4 == 0 else []
        self._add(
            "meeting",
            f"meeting-{place:03}",
            name=self._name(),
            type=self._one(TYPES, empty=0.2),
            series=series,
            ordinal=place % 9 + 1 if series and place % 3 else None,
            part_of=self._one(self.ids("meeting"), empty=0.8) if place else None,
            joint_with=[{"series": f"series-{place % 3}", "ordinal": place + 1}]
            if place % 13 == 0 and series != f"series-{place % 3}"
            else None,
            date=self._date(),
            city=self._one(CITIES, empty=0.3),
            also_in=[{"city": CITIES[place % 6]}] if place % 11 == 0 else None,
            country=self._one(COUNTRIES, empty=0.3),
            format=self._one(FORMATS, empty=0.5),
            status=self._one(STATUSES, empty=0.3),
            summary=self._name() if place % 5 == 0 else None,
            attendance=place * 3 if place % 7 == 0 else None,
            names=spoken,
            topics=self._random.sample(self.ids("topic"), self._random.choice([0, 0, 1, 2])),
        )

    def _add_links(self) -> None:
        """What links other records, no two with the same natural key."""
        people = [key for key in self.ids("person") if key.startswith("person")]
        actors = [*COUNTRIES, *self.ids("organization")]
        keys: set[tuple[Any, ...]] = set()
        for place in range(PARTICIPANTS):
            who = {
                "person": self._one(people, empty=0.4),
                "organization": self._one(self.ids("organization"), empty=0.5),
                "country": self._one(COUNTRIES, empty=0.6),
                "group": "experts" if place % 11 == 0 else None,
            }
            meeting, role = self._one(self.ids("meeting")), self._one(ROLES)
            if not any(who.values()) or (meeting, role, *who.values()) in keys:
                continue
            keys.add((meeting, role, *who.values()))
            self._add(
                "participant",
                f"participant-{place:03}",
                meeting=meeting,
                **who,
                role=role,
                date=self._date_within(meeting, empty=0.8),
                rank=self._one(RANKS, empty=0.5),
                on_behalf_of=self._one(actors, empty=0.8),
                presence=self._one(PRESENCES, empty=0.6),
                contribution=self._name() if place % 6 == 0 else None,
            )
        for place in range(PARTIES):
            key = (self._one(self.ids("memorandum")), self._one(actors), place % 9 == 0, self._one(PARTY_ROLES))
            if key not in keys:
                keys.add(key)
                memorandum, party, members, role = key
                signed_by = self._one(people, empty=0.6)
                names = {"memorandum": memorandum, "party": party, "members": members, "role": role}
                signatories = [{"person": signed_by, "capacity": "Head"}, {"capacity": "Witness"}] if signed_by else None
                self._add("party", f"party-{place:03}", **names, signatories=signatories)
        for place in range(OUTCOMES):
            meeting = self._one(self.ids("meeting"), empty=0.3)
            self._add(
                "outcome",
                f"outcome-{place:03}",
                name=self._name(),
                type=self._one(OUTCOME_TYPES),
                date=self._date_within(meeting, empty=0.7),
                meeting=meeting,
                made_by=self._one([*actors, *people], empty=0.4),
                made_to=self._one([*actors, *people], empty=0.7),
                others=[
                    {"actor": self._one([*actors, *people]), "role": role}
                    for role in self._random.sample(("maker", "addressee", "carrier", "giver"), place % 3)
                ]
                if place % 4 == 0
                else None,
                subject=self._one([*self.ids("memorandum"), *self.ids("series"), *actors], empty=0.6),
                status=self._one(OUTCOME_STATUSES, empty=0.4),
            )
        for place in range(ACTIONS):
            of = self._one([*self.ids("memorandum"), *self.ids("memorandum"), *self.ids("outcome")])
            meeting = self._one(self.ids("meeting"), empty=0.3)
            names = {"of": of, "type": self._one(ACTION_TYPES), "date": self._date_within(meeting, empty=0.5)}
            names |= {"meeting": meeting, "party": self._one(actors, empty=0.7)}
            if tuple(names.values()) not in keys:
                keys.add(tuple(names.values()))
                self._add("action", f"action-{place:03}", **names)

    def _batches(self) -> list[list[Content]]:
        """Three imports that end in the records: most of them, partly as they were before; the rest; what changed."""
        acted_on = {record["of"] for record in self.of("action")}
        later = {
            key for key in self.ids("participant", "outcome", "party") if self._random.random() < 0.2 and key not in acted_on
        }
        changed = {key for key in self.records if key not in later and self._random.random() < 0.15}
        changed -= {key for key in changed if self.records[key]["kind"] == "country"}
        self.changed, self.later = frozenset(changed), frozenset(later)
        first = [self._before(record) if key in changed else record for key, record in self.records.items() if key not in later]
        return [first, [self.records[key] for key in sorted(later)], [self.records[key] for key in sorted(changed)]]

    def _before(self, record: Content) -> Content:
        """A record as it was before it became what it is: elsewhere, at another time, of others."""
        before = {**record}
        match record["kind"]:
            case "organization":
                before |= {"country": "IN", "name": "before"}
                before.pop("parent", None)
            case "participant":
                before["country" if record.get("country") else "rank"] = "IR" if record.get("country") else "official"
                before |= {"contribution": "before", "meeting": "meeting-000", "group": record["id"]}
                before.pop("date", None)
            case "party":
                signed_by = f"odd-{int(record['id'][-2:]) % len(ODD_CHARACTERS):03}"
                before |= {
                    "party": "IN",
                    "memorandum": f"memo-{record['id'][-2:]}",
                    "role": "depositary",
                    "signatories": [{"person": signed_by}],
                }
                before["members"] = int(record["id"][-3:]) >= 100
                if before["memorandum"] not in self.records:
                    before["memorandum"] = "memo-00"
                    before["party"] = record["party"]
            case "outcome":
                before |= {"type": "award", "made_to": "IR", "meeting": "meeting-001", "name": "before"}
                before.pop("date", None)
            case "action":
                before |= {"note": "before", "meeting": "meeting-002"}
                before.pop("date", None)
            case _:
                before |= {"name": "before"}
                if record["kind"] in ("meeting", "memorandum"):
                    before |= {"date": "2010-10-10", "country": "IR"}
                if any(other.get("meeting") == record["id"] and "date" in other for other in self.records.values()):
                    before.pop("date")  # with which theirs would not agree
        return before

    # -- reading it by the rules -----------------------------------------------------------------------------------

    def ids(self, *kinds: str) -> list[str]:
        """The ids of all records of these kinds."""
        return [key for key, record in self.records.items() if record["kind"] in kinds]

    @cached_property
    def movable(self) -> list[str]:
        """The meetings with whose date no other record's has to agree."""
        bound = {record.get("meeting") for record in self.records.values() if "date" in record}
        return [key for key in self.ids("meeting") if key not in bound]

    def of(self, kind: str) -> list[Content]:
        """All records of a kind."""
        return [record for record in self.records.values() if record["kind"] == kind]

    def version(self, key: str) -> int:
        """How often the record was written."""
        return 2 if key in self.changed else 1

    def created(self, key: str) -> int:
        """The import that made the record."""
        return 1 if key in self.later else 0

    def updated(self, key: str) -> int:
        """The import that wrote the record last."""
        return 2 if key in self.changed else self.created(key)

    def bounds(self, record: Mapping[str, Any]) -> edtf.Bounds:
        """The first and last day of a record; an undated link or outcome takes its meeting's."""
        if record.get("date"):
            return edtf.bounds(record["date"])
        if record["kind"] in ("participant", "outcome", "action") and record.get("meeting"):
            return self.bounds(self.records[record["meeting"]])
        if record["kind"] == "memorandum":
            acts = [each for each in self.of("action") if each["of"] == record["id"]]
            for types in ({"signed", "adopted"}, {"approved"}, {"entered_into_force"}):
                several = [self.bounds(each) for each in acts if each["type"] in types]
                if dated := [each for each in several if each != edtf.NONE]:
                    return edtf.Bounds(min(each.start for each in dated), max(each.end for each in dated))
        return edtf.NONE

    def reach(self, actor: str | None) -> frozenset[str]:
        """Who has part in what an actor has part in: an organization's ancestors, and the countries of all these."""
        found: set[str] = set()
        while actor is not None:
            found.add(actor)
            record = self.records[actor]
            if record["kind"] != "organization":
                break
            found |= {record["country"]} if "country" in record else set()
            actor = record.get("parent")
        return frozenset(found)

    def _own_actors(self, record: Mapping[str, Any]) -> Iterator[str]:
        """Whom one record names, with those whom they reach."""
        match record["kind"]:
            case "participant":
                yield from (record[name] for name in ("person", "country", "on_behalf_of") if name in record)
                yield from self.reach(record.get("organization"))
            case "party":
                yield from self.reach(record["party"])
                for signatory in record.get("signatories", ()):
                    yield from self.reach(signatory.get("person"))
            case "outcome":
                yield from self.reach(record.get("made_by"))
                yield from self.reach(record.get("made_to"))
                for other in record.get("others", ()):
                    if other["role"] != "carrier":
                        yield from self.reach(other["actor"])

    def takes_part(self, participant: Mapping[str, Any]) -> bool:
        """Whether who was absent, invited or expected counts: the last two do while the meeting is ahead."""
        presence, status = participant.get("presence"), self.records[participant["meeting"]].get("status")
        return presence != "absent" and (presence not in ("invited", "expected") or status in ("planned", "postponed"))

    def spoken_for(self, outcome: Mapping[str, Any]) -> Iterator[str]:
        """For whom the person who made an outcome took part in its meeting."""
        makers = {outcome.get("made_by"), *(e["actor"] for e in outcome.get("others", ()) if e["role"] == "maker")} - {None}
        for record in self.of("participant"):
            if record.get("person") in makers and record["meeting"] == outcome.get("meeting") and self.takes_part(record):
                yield from self._own_actors(record)

    @cached_property
    def actors(self) -> Mapping[str, frozenset[str]]:
        """Who is involved in each record."""
        found: dict[str, set[str]] = {key: set(self._own_actors(record)) for key, record in self.records.items()}
        for record in filter(self.takes_part, self.of("participant")):
            found[record["meeting"]] |= found[record["id"]]
        for record in self.of("party"):
            found[record["memorandum"]] |= found[record["id"]]
        for record in self.of("outcome"):
            found[record["id"]].update(self.spoken_for(record))
            if record["type"] == "understanding" and "meeting" in record:
                found[record["id"]] |= found[record["meeting"]]
        return {key: frozenset(actors) for key, actors in found.items()}

    def values(self, record: Content, name: str) -> frozenset[str]:
        """What a filter compares with its values."""
        kind = record["kind"]
        if (kind, name) in INVOLVES:
            return self.actors[record["id"]]
        match name:
            case "meeting_format":
                return frozenset({record["format"]} if "format" in record else ())
            case "topic":
                own = [*record.get("topics", ())]
                for topic in own:
                    own += [wider for wider in (self.records[topic].get("broader"),) if wider and wider not in own]
                return frozenset(own)
        if (kind, name) in ALSO or name == "city":
            array, field, role = ALSO.get((kind, name), ("also_in", "city", None))
            others = (each[field] for each in record.get(array, ()) if role is None or each["role"] == role)
            return frozenset([record[name]] if name in record else ()).union(others)
        if name == "signed_by":
            return frozenset(each["person"] for each in record.get("signatories", ()) if "person" in each)
        if (kind, name) == ("meeting", "memorandum"):
            return frozenset(each["of"] for each in self.of("action") if each.get("meeting") == record["id"])
        if kind == "memorandum" and name in ("meeting", "series"):
            met = [each["meeting"] for each in self.of("action") if each["of"] == record["id"] and "meeting" in each]
            if name == "meeting":
                return frozenset(met)
            return frozenset().union(*(self.values(self.records[each], "series") for each in met))
        return frozenset({record[name]} if name in record else ())

    def matches(self, record: Content, query: Mapping[str, list[str]]) -> bool:
        """Whether a record is what the query asks for."""
        first, last = self.bounds(record)
        for name, given in query.items():
            if name in ("date_from", "date_to"):
                overlaps = last >= given[0] if name == "date_from" else first <= given[0]
                fits = first != edtf.NO_START and overlaps
            elif name == "between":
                fits = set(given[0].split(",")) <= self.actors[record["id"]]
            else:
                fits = not self.values(record, name).isdisjoint(given)
            if not fits:
                return False
        return True

    def _place(self, key: str, record: Content) -> Any:
        name, descending = key.removeprefix("-"), key.startswith("-")
        match name:
            case "date":
                start = self.bounds(record).start
                return edtf.NO_END if start == edtf.NO_START and not descending else start
            case "name":
                return sort_key(record["name"])
            case "created_at":
                return self.created(record["id"])
            case "updated_at":
                return self.updated(record["id"])
        return record["id"]

    def ordered(self, records: Iterable[Content], sort: Iterable[str]) -> list[str]:
        """The ids in the order asked for, tied by the id in the direction of the last key."""
        keys = list(sort)
        found = list(records)
        for key in reversed([*keys, "-id" if keys[-1].startswith("-") else "id"]):
            found.sort(key=partial(self._place, key), reverse=key.startswith("-"))
        return [record["id"] for record in found]

    def answer(self, kind: str, query: Mapping[str, list[str]], sort: Iterable[str]) -> list[str]:
        """The ids that a list has, in its order."""
        return self.ordered((record for record in self.of(kind) if self.matches(record, query)), sort)

    def label(self, key: str) -> str:
        """The name that a reference to a record shows."""
        return str(self.records[key]["name"])

    def shown(self, key: str, *, parts: bool) -> str:
        """A record's JSON, with its times as `T`; `parts` adds its own arrays, as a single record has them."""
        record = self.records[key]
        found: dict[str, Any] = {
            "id": key,
            "kind": record["kind"],
            "version": self.version(key),
            "created_at": "T",
            "updated_at": "T",
        }
        for field in FIELDS[record["kind"]].split():
            name = field.removesuffix(">").removesuffix(">")
            found[name] = self._value(record, name, depth=field.count(">"))
        if parts:
            found |= {"names": record.get("names", []), "identifiers": []}
            found["topics"] = [{"id": topic, "name": self.label(topic)} for topic in record.get("topics", ())]
            if record["kind"] in ("meeting", "memorandum"):
                if record["kind"] == "meeting":
                    found["joint_with"] = [
                        {"series": self._value(each, "series", depth=1), "ordinal": each["ordinal"]}
                        for each in record.get("joint_with", ())
                    ]
                found["also_in"] = [
                    {"city": each["city"], "country": self._value(each, "country", depth=1)}
                    for each in record.get("also_in", ())
                ]
                found["countries"] = [{"id": each, "name": self.label(each)} for each in self.countries(key)]
            if record["kind"] == "outcome":
                found["others"] = [
                    {"actor": self._value(each, "actor", depth=2), "role": each["role"]} for each in record.get("others", ())
                ]
        if record["kind"] == "party":
            found["signatories"] = [
                {
                    "person": {"id": each["person"], "name": self.label(each["person"])} if "person" in each else None,
                    "capacity": each.get("capacity"),
                }
                for each in record.get("signatories", ())
            ]
        return json.dumps(found, ensure_ascii=False, separators=(",", ":"))

    def _value(self, record: Content, name: str, *, depth: int) -> Any:
        if name.endswith(("_start", "_end")):
            field, _, side = name.rpartition("_")
            bounds = self.bounds(record) if field == "date" else edtf.event(record[field]) if field in record else edtf.NONE
            day = getattr(bounds, side)
            return None if day in (edtf.NO_START, edtf.NO_END) else day
        if name == "members":
            return record.get(name, False)
        if name == "meeting_status":
            return self.records[record["meeting"]].get("status")
        if depth == 0 or name not in record:
            return record.get(name)
        target = record[name]
        kind = {"kind": self.records[target]["kind"]} if depth == 2 else {}
        return {"id": target, **kind, "name": self.label(target)}

    def countries(self, key: str) -> list[str]:
        """The countries involved in a record, by id."""
        return sorted(actor for actor in self.actors[key] if actor in COUNTRIES)


INVOLVES = {
    ("meeting", "participant"),
    ("participant", "organization"),
    ("participant", "country"),
    ("memorandum", "party"),
    ("party", "country"),
    ("outcome", "participant"),
}
"""Filters that ask who is involved, not for a field's value."""

ALSO = {
    ("meeting", "series"): ("joint_with", "series", None),
    ("outcome", "made_by"): ("others", "actor", "maker"),
    ("outcome", "made_to"): ("others", "actor", "addressee"),
}
"""Filters that also look into an array: the array, the field of its items, and the role that the items must have."""
WINDOW = ("date_from", "date_to")
FILTERS: Mapping[str, tuple[str, ...]] = {
    "meeting": (
        *("country", "city", "participant", "participant", "between", "series", "part_of", "memorandum", "type", "status"),
        *("meeting_format", "topic", *WINDOW),
    ),
    "participant": ("meeting", "person", "organization", "country", "on_behalf_of", "role", "rank", "presence", *WINDOW),
    "memorandum": ("party", "between", "meeting", "series", "status", "type", "country", "city", "topic", *WINDOW),
    "party": ("memorandum", "party", "country", "role", "signed_by"),
    "outcome": ("type", "status", "meeting", "made_by", "made_to", "subject", "participant", "between", *WINDOW),
    "action": ("of", "type", "meeting", "party", *WINDOW),
}
SORTS: Mapping[str, tuple[str, ...]] = {
    "meeting": ("date", "name", "id", "created_at", "updated_at"),
    "participant": ("date", "id", "created_at", "updated_at"),
    "memorandum": ("date", "name", "id", "created_at", "updated_at"),
    "party": ("id", "created_at", "updated_at"),
    "outcome": ("date", "name", "id", "created_at", "updated_at"),
    "action": ("date", "id", "created_at", "updated_at"),
}
DEFAULT_SORT = {"party": "id"}
PLURALS = {
    "meeting": "meetings",
    "participant": "participants",
    "memorandum": "memoranda",
    "party": "parties",
    "outcome": "outcomes",
    "action": "actions",
    "person": "people",
    "organization": "organizations",
}
FIELDS = {
    "meeting": "name type series> ordinal part_of> date date_note date_start date_end city country> venue format status theme"
    " summary attendance attendance_qualifier language participants_coverage",
    "participant": "meeting> date date_note date_start date_end person> organization> country> group count count_qualifier role"
    " capacity rank on_behalf_of>> presence meeting_status contribution language",
    "memorandum": "name type symbol status date date_note date_start date_end period period_start period_end term term_from"
    " city country> summary language parties_coverage",
    "party": "memorandum> party>> members role",
    "outcome": "name type date date_note date_start date_end period period_start period_end meeting> made_by>> made_to>>"
    " subject>> status summary language",
    "action": "of>> type date date_note date_start date_end date_before date_before_start date_before_end date_after"
    " date_after_start date_after_end term meeting> party>> note language",
    "person": "name sort_name summary language",
    "organization": "name acronym type country> parent> seat seat_country> founded founded_start founded_end dissolved"
    " dissolved_start dissolved_end website summary language members_coverage",
}
"""The fields of each kind in their order: `>` a reference, `>>` one that says its kind."""


@lru_cache(maxsize=1)
def registry() -> Registry:
    """The one that all tests read."""
    return Registry()
