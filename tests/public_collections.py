"""Invented collections in the shapes of eight public ones, and answers to questions that are counted from their own rows.

The shapes: memberships of states in organizations that they leave and rejoin; treaties with many parties in five sorts of acts,
and withdrawals; exchanges of notes whose two letters have their own days; council meetings with absent and represented
delegates; visits; offices with second terms; names in many languages; former states. All have identifiers of their register. A
second delivery changes some rows and drops others.

Each collection keeps plain rows of days and words, from which `questions` counts the answers without the registry's code.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote_plus

Line = dict[str, Any]
Ids = frozenset[str]
EPOCH = date(1946, 1, 1)
DAYS = 28_000
LANGUAGES = (
    *("en", "ru", "be", "uk", "kk", "ky", "uz", "tg", "tk", "az", "tr", "ar"),
    *("zh", "ja", "ko", "ka", "hy", "he", "fa", "hi", "th", "el", "fr", "de"),
)
LETTERS = {
    **dict.fromkeys(("ru", "be", "uk", "kk", "ky", "tg"), "абвгдежиклмнопрст"),
    **dict.fromkeys(("ar", "fa"), "ابتثجحدرسشعفقكلمن"),
    **dict.fromkeys(("zh", "ja"), "中文会议国家条约组织外交部长"),
    "ko": "가나다라마바사아자차",
    "ka": "აბგდევზთიკლმნ",
    "hy": "աբգդեզէըթժիլ",
    "he": "אבגדהוזחטיכלמ",
    "hi": "कखगघचछजझटठडढ",
    "th": "กขคงจฉชซญฎฏฐ",
    "el": "αβγδεζηθικλμν",
}
STATES = {
    "AF": "Afghanistan",
    "AL": "Albania",
    "DZ": "Algeria",
    "AR": "Argentina",
    "AM": "Armenia",
    "AU": "Australia",
    "AT": "Austria",
    "AZ": "Azerbaijan",
    "BY": "Belarus",
    "BE": "Belgium",
    "BR": "Brazil",
    "CA": "Canada",
    "CL": "Chile",
    "CN": "China",
    "CU": "Cuba",
    "EG": "Egypt",
    "FJ": "Fiji",
    "FR": "France",
    "GE": "Georgia",
    "GR": "Greece",
    "IN": "India",
    "IR": "Iran",
    "IT": "Italy",
    "JP": "Japan",
    "KZ": "Kazakhstan",
    "KE": "Kenya",
    "MX": "Mexico",
    "NO": "Norway",
    "PE": "Peru",
    "UZ": "Uzbekistan",
}
CODES = {
    "AF": "AFG 004",
    "AL": "ALB 008",
    "DZ": "DZA 012",
    "AR": "ARG 032",
    "AM": "ARM 051",
    "AU": "AUS 036",
    "AT": "AUT 040",
    "AZ": "AZE 031",
    "BY": "BLR 112",
    "BE": "BEL 056",
    "BR": "BRA 076",
    "CA": "CAN 124",
    "CL": "CHL 152",
    "CN": "CHN 156",
    "CU": "CUB 192",
    "EG": "EGY 818",
    "FJ": "FJI 242",
    "FR": "FRA 250",
    "GE": "GEO 268",
    "GR": "GRC 300",
    "IN": "IND 356",
    "IR": "IRN 364",
    "IT": "ITA 380",
    "JP": "JPN 392",
    "KZ": "KAZ 398",
    "KE": "KEN 404",
    "MX": "MEX 484",
    "NO": "NOR 578",
    "PE": "PER 604",
    "UZ": "UZB 860",
    "SUHH": "SUN 810",
    "CSHH": "CSK 200",
}
FORMER = {"SUHH": ("Soviet Union", "1991", ["BY", "KZ", "UZ"]), "CSHH": ("Czechoslovakia", "1992", [])}
JOINING = ("ratified", "accepted", "acceded", "succeeded", "provisionally_applied")
"""Acts by which a state is bound. The last binds it for a time only, so that it is possibly a party."""


class Spell(NamedTuple):
    """A time: its first day, and the day on which it ended, if it did."""

    first: str
    last: str | None

    def holds(self, day: str) -> bool:
        """Whether the day lies within it, the last day included."""
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass
class Collections:
    """The rows of all collections, and the lines that state them."""

    lines: list[Line] = field(default_factory=list)
    memberships: list[tuple[str, str, str, Spell]] = field(default_factory=list)
    """(id, organization, state, spell)."""
    parties: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)
    """By (treaty, state): the (day, act) of that party, in their order."""
    force: dict[str, str] = field(default_factory=dict)
    """By treaty: the day of its entry into force."""
    notes: list[tuple[str, frozenset[str], tuple[str, str]]] = field(default_factory=list)
    """(exchange, both sides, days of both letters)."""
    meetings: dict[str, str] = field(default_factory=dict)
    """By council meeting: its day."""
    delegates: list[tuple[str, str, str]] = field(default_factory=list)
    """(meeting, state, presence)."""
    visits: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    """(visit, visitor, host, first day, last day)."""
    terms: list[tuple[str, str, str, Spell]] = field(default_factory=list)
    """(id, person, ministry, spell)."""
    topics: dict[str, str] = field(default_factory=dict)
    """By treaty: its topic."""


def made_up(size: int, seed: int = 20) -> Collections:
    """Make collections of about `size` lines together."""
    random, made = Random(seed), Collections()
    share = max(size // 8, 100)
    _states(made)
    bodies = _memberships(made, random, share)
    _treaties(made, random, share)
    _notes(made, random, share)
    _meetings(made, random, share, bodies)
    _visits(made, random, share)
    _offices(made, random, share)
    _named(made, random, share)
    return made


def _day(random: Random, first: int = 0, last: int = DAYS) -> str:
    return (EPOCH + timedelta(days=random.randint(first, last))).isoformat()


def _days(random: Random, number: int) -> list[str]:
    """Different days in their order, at least two days apart."""
    places = sorted(random.sample(range(0, DAYS, 3), number))
    return [(EPOCH + timedelta(days=place)).isoformat() for place in places]


def _word(random: Random, language: str) -> str:
    letters = LETTERS.get(language, "abcdefghiklmnoprstuv")
    return "".join(random.choice(letters) for _ in range(random.randint(3, 9))).capitalize()


def _name(random: Random, language: str, words: int = 3) -> str:
    return " ".join(_word(random, language) for _ in range(words))


def _identified(scheme: str, number: int) -> list[Line]:
    return [{"scheme": scheme, "identifier": f"{scheme}-{number}"}]


def _states(made: Collections) -> None:
    for place, (code, name) in enumerate({**STATES, **{code: name for code, (name, *_) in FORMER.items()}}.items()):
        alpha_3, numeric = CODES[code].split()
        line: Line = {"kind": "country", "id": code, "alpha_3": alpha_3, "numeric": numeric, "name": name}
        if code in FORMER:
            line |= {"until": FORMER[code][1], "successors": FORMER[code][2]}
        made.lines.append(line | {"identifiers": _identified("state-register", place)})
    for topic, broader in {"trade": None, "tariffs": "trade", "seas": None}.items():
        made.lines.append({"kind": "topic", "id": topic, "name": topic.capitalize(), "broader": broader})


def _memberships(made: Collections, random: Random, share: int) -> list[str]:
    """Organizations, and states that join, leave and join again."""
    bodies = [f"body-{place}" for place in range(max(share // 30, 3))]
    for place, body in enumerate(bodies):
        name = f"Organization of {_name(random, 'en')} {place}"
        made.lines.append(
            {"kind": "organization", "id": body, "name": name, "identifiers": _identified("body-register", place)}
        )
    number = 0
    while number < share:
        body, state = random.choice(bodies), random.choice(list(STATES))
        if any(row[1:3] == (body, state) for row in made.memberships[-200:]) or (body, state) in made.parties:
            continue
        made.parties[body, state] = []  # no second history of the same pair
        days = _days(random, random.choice((1, 1, 2, 3, 4)))
        for first, last in zip(days[::2], [*days[1::2], None], strict=False):
            membership = {"kind": "membership", "of": body, "member": state, "status": "full", "since": first}
            record_id = f"membership-{number}"
            made.lines.append({**membership, "id": record_id, **({"until": last} if last else {})})
            made.memberships.append((record_id, body, state, Spell(first, last)))
            number += 1
        if len(made.parties) > len(bodies) * len(STATES) * 0.9:
            break
    made.parties.clear()
    return bodies


def _treaties(made: Collections, random: Random, share: int) -> None:
    """Treaties with many parties that sign, join in one of five ways, and partly withdraw and join again."""
    number = 0
    while number < share * 2:
        treaty = f"treaty-{len(made.force)}"
        early, opened, force = (EPOCH + timedelta(days=each) for each in sorted(random.sample(range(10, 9_000), 3)))
        del early
        made.force[treaty] = force.isoformat()
        made.topics[treaty] = random.choice(("trade", "tariffs", "seas"))
        made.lines += [
            {
                "kind": "memorandum",
                "id": treaty,
                "name": f"Convention on {_name(random, 'en')}",
                "type": "agreement",
                "status": "in_force",
                "topics": [made.topics[treaty]],
                "identifiers": _identified("treaty-register", len(made.force)),
            },
            {"kind": "action", "of": treaty, "type": "signed", "date": opened.isoformat()},
            {"kind": "action", "of": treaty, "type": "entered_into_force", "date": force.isoformat()},
        ]
        for state in random.sample(list(STATES), random.randint(5, len(STATES))):
            made.lines.append({"kind": "party", "memorandum": treaty, "party": state, "role": "party"})
            acts = made.parties.setdefault((treaty, state), [])
            after = (force - EPOCH).days
            days = sorted(random.sample(range(after, DAYS, 3), random.choice((1, 1, 2, 3))))
            for place, each in enumerate(days):
                act = "withdrew" if place % 2 else random.choice(JOINING)
                day = (EPOCH + timedelta(days=each)).isoformat()
                acts.append((day, act))
                made.lines.append({"kind": "action", "of": treaty, "type": act, "date": day, "party": state})
            number += 1 + len(days)


def _notes(made: Collections, random: Random, share: int) -> None:
    """Agreements by exchange of notes: two letters, each of its own day and city."""
    for place in range(share // 5):
        exchange, sides = f"notes-{place}", random.sample(list(STATES), 2)
        first, second = _days(random, 2)
        made.notes.append((exchange, frozenset(sides), (first, second)))
        written_in = [{"city": f"Capital of {STATES[side]}", "country": side} for side in sides]
        notes = {"kind": "memorandum", "id": exchange, "name": f"Exchange of notes {place}", "type": "agreement"}
        made.lines.append({**notes, **written_in[0], "also_in": written_in[1:]})
        for side, day in zip(sides, (first, second), strict=True):
            made.lines.append({"kind": "party", "memorandum": exchange, "party": side, "role": "party"})
            note = {"date": day, "note": f"Note of {STATES[side]}, written in its capital."}
            made.lines.append({"kind": "action", "of": exchange, "type": "signed", **note})


def _meetings(made: Collections, random: Random, share: int, bodies: list[str]) -> None:
    """Meetings of councils, to which delegates come or do not."""
    for place in range(min(len(bodies), 3)):
        made.lines.append(
            {"kind": "series", "id": f"council-{place}", "name": f"Council {place}", "organization": bodies[place]}
        )
    number = 0
    while number < share:
        meeting, day = f"meeting-{len(made.meetings)}", _day(random)
        made.meetings[meeting] = day
        series = f"council-{random.randrange(min(len(bodies), 3))}"
        made.lines.append({"kind": "meeting", "id": meeting, "name": f"Meeting of {day}", "date": day, "series": series})
        for state in random.sample(list(STATES), random.randint(3, 9)):
            presence = random.choice(("in_person", "in_person", "represented", "absent", "invited"))
            made.delegates.append((meeting, state, presence))
            delegate = {"meeting": meeting, "country": state, "role": "delegate", "presence": presence}
            made.lines.append({"kind": "participant", **delegate, "capacity": f"Delegate of {STATES[state]}"})
            number += 1


def _visits(made: Collections, random: Random, share: int) -> None:
    for place in range(share // 3):
        visitor, host = random.sample(list(STATES), 2)
        first = date.fromisoformat(_day(random))
        last = first + timedelta(days=random.randint(0, 5))
        visit, days = f"visit-{place}", f"{first}/{last}" if last > first else f"{first}"
        made.visits.append((visit, visitor, host, first.isoformat(), last.isoformat()))
        made.lines.append(
            {"kind": "meeting", "id": visit, "name": f"Visit {place}", "type": "visit", "date": days, "country": host}
        )
        for state, role in ((visitor, "visitor"), (host, "host")):
            made.lines.append({"kind": "participant", "meeting": visit, "country": state, "role": role})


def _offices(made: Collections, random: Random, share: int) -> None:
    """Ministers with one term or two, whose title stands in several languages."""
    ministries = [f"ministry-{code.lower()}" for code in list(STATES)[:12]]
    for place, ministry in enumerate(ministries):
        code = list(STATES)[place]
        named = {"name": f"Ministry of {STATES[code]}", "type": "ministry", "country": code}
        made.lines.append({"kind": "organization", "id": ministry, **named})
    number = 0
    while number < share:
        person, ministry = f"person-{number}", random.choice(ministries)
        made.lines.append({"kind": "person", "id": person, "name": f"{_name(random, 'en', 2)} {number}"})
        days = _days(random, random.choice((2, 3, 4)))
        for first, last in zip(days[::2], [*days[1::2], None], strict=False):
            record_id = f"term-{number}"
            titled = {"title": "Minister", "names": [{"language": "ru", "text": "Министр", "type": "translation"}]}
            made.lines.append(
                {
                    "kind": "position",
                    "id": record_id,
                    "person": person,
                    "organization": ministry,
                    **titled,
                    "since": first,
                    **({"until": last} if last else {}),
                }
            )
            made.terms.append((record_id, person, ministry, Spell(first, last)))
            number += 1


def _named(made: Collections, random: Random, share: int) -> None:
    """Bodies with names in 24 languages, some of them very long."""
    for place in range(share // 6):
        names = [
            {"language": language, "text": _name(random, language, 3 if random.random() < 0.95 else 120), "type": "official"}
            for language in LANGUAGES
        ]
        line = {"kind": "organization", "id": f"named-{place}", "name": names[0]["text"], "names": names, "type": "agency"}
        made.lines.append(line | {"identifiers": _identified("name-register", place)})


# -- a second delivery ---------------------------------------------------------------------------------------------------


def second_delivery(made: Collections, seed: int = 21) -> list[Line]:
    """Change the rows of some memberships, drop others, and return the lines of the delivery, for `mode=merge`."""
    random, lines = Random(seed), []
    kept = []
    for row in made.memberships:
        record_id, body, state, spell = row
        fate = random.random()
        if fate < 0.1:
            lines.append({"kind": "membership", "id": record_id, "deleted": True})
            continue
        if fate < 0.2 and spell.last is None:
            last = (date.fromisoformat(spell.first) + timedelta(days=random.randint(1, 400))).isoformat()
            key = {"of": body, "member": state, "status": "full", "since": spell.first}
            lines.append({"kind": "membership", **key, "until": last})
            kept.append((record_id, body, state, Spell(spell.first, last)))
        else:
            kept.append(row)
    made.memberships[:] = kept
    for place, exchange in enumerate(list(made.notes)):
        if place % 7 == 0:
            lines.append({"kind": "memorandum", "id": exchange[0], "deleted": True, "links": True})
            made.notes.remove(exchange)
    return lines


# -- questions -------------------------------------------------------------------------------------------------------------


class Question(NamedTuple):
    """A request, and the ids that its answer must have."""

    request: str
    ids: Ids
    held: str = ""
    """If given: how surely all of them held."""


def questions(made: Collections, seed: int = 22) -> Iterator[Question]:
    """Yield questions with their answers, which are counted from the rows."""
    random = Random(seed)

    def some(several: Iterable[str], number: int) -> list[str]:
        return random.sample(sorted(set(several)), number)

    days = [_day(random) for _ in range(8)]
    for body, day in zip(some((row[1] for row in made.memberships), 3) * 2, days, strict=False):
        found = (row[0] for row in made.memberships if row[1] == body and row[3].holds(day))
        yield Question(f"memberships?of={body}&valid_at={day}", frozenset(found), "certain")
    for state, day in zip(some((row[2] for row in made.memberships), 5), days, strict=False):
        found = (row[0] for row in made.memberships if row[2] == state and row[3].holds(day))
        yield Question(f"memberships?member={CODES[state].split()[0]}&valid_at={day}", frozenset(found), "certain")
        yield Question(f"memberships?member={state}", frozenset(row[0] for row in made.memberships if row[2] == state))
    yield from _of_treaties(made, days, some)
    for state, day in zip(some((state for _, state, _ in made.delegates), 4), days, strict=False):
        came = {m for m, who, presence in made.delegates if who == state and presence in ("in_person", "represented")}
        came |= {visit for visit, visitor, host, *_ in made.visits if state in (visitor, host)}
        yield Question(f"meetings?participant={state}", frozenset(came))
        since = _since(made, came, day)
        yield Question(f"meetings?participant={state.lower()}&date_from={day}", frozenset(since))
    one, other = some((state for _, state, _ in made.delegates), 2)
    yield Question(f"meetings?between={one},{other}", frozenset(_together(made, one, other)))
    for presence in ("absent", "represented"):
        count = {(meeting, state) for meeting, state, how in made.delegates if how == presence}
        first = min(count)[0]
        states = frozenset(state for meeting, state in count if meeting == first)
        yield Question(f"participants?meeting={first}&presence={presence}", states)
    for ministry, day in zip(some((row[2] for row in made.terms), 3), days, strict=False):
        found = (row[0] for row in made.terms if row[2] == ministry and row[3].holds(day))
        yield Question(f"positions?organization={ministry}&valid_at={day}", frozenset(found))
    for visit, visitor, host, first, last in made.visits[:3]:
        found = (v for v, _, h, start, end in made.visits if h == host and start <= last and end >= first)
        yield Question(f"meetings?type=visit&country={host}&date_from={first}&date_to={last}", frozenset(found))
        del visit, visitor
    yield Question("organizations?identifier=body-register:body-register-1", frozenset({"body-1"}))
    yield Question("countries?former=true", frozenset(FORMER))
    yield Question("countries?successor=KZ", frozenset({"SUHH"}))


def _of_treaties(made: Collections, days: list[str], some: Callable[[Iterable[str], int], list[str]]) -> Iterator[Question]:
    for treaty, day in zip(some(made.force, 4), days, strict=False):
        found = {state for (of, state), acts in made.parties.items() if of == treaty and _is_party(acts, day)}
        yield Question(f"parties?memorandum={treaty}&valid_at={day}", frozenset(found))
        later = {state for (of, state), acts in made.parties.items() if of == treaty and _is_party(acts, "2025-01-01")}
        yield Question(f"parties?memorandum={treaty}&valid_at=2025-01-01", frozenset(later))
    for state in some((state for _, state in made.parties), 3):
        found = {of for of, who in made.parties if who == state}
        found |= {exchange for exchange, sides, _ in made.notes if state in sides}
        yield Question(f"memoranda?party={state}", frozenset(found))
    for exchange, sides, letters in made.notes[:3]:
        one, other = sorted(sides)
        both = {e for e, their, _ in made.notes if their == sides}
        both |= {of for of, who in made.parties if who == one and (of, other) in made.parties}
        yield Question(f"memoranda?between={one},{other}", frozenset(both))
        within = {e for e, _, (first, last) in made.notes if first <= letters[1] and last >= letters[0]}
        treaties = {e for e in within if e.startswith("notes")}
        request = f"memoranda?date_from={letters[0]}&date_to={letters[1]}&q=exchange"
        yield Question(request, frozenset(treaties))
        place = quote_plus(f"capital of {STATES[one]}".upper())
        yield Question(f"memoranda?city={place}", frozenset(e for e, their, _ in made.notes if one in their))
        del exchange
    for day in days[:3]:
        certain = {treaty for treaty, force in made.force.items() if force <= day}
        yield Question(f"memoranda?valid_at={day}&status=in_force&q=convention", frozenset(certain), "certain")
    narrower = {treaty for treaty, topic in made.topics.items() if topic in ("trade", "tariffs")}
    yield Question("memoranda?topic=trade", frozenset(narrower))
    yield Question("memoranda?topic_exact=trade", frozenset(t for t, topic in made.topics.items() if topic == "trade"))


def _is_party(acts: list[tuple[str, str]], day: str) -> bool:
    """Whether the last act up to the day is one of joining. On the day of a withdrawal, a state is still a party."""
    before = [(when, act) for when, act in acts if when < day or (when == day and act != "withdrew")]
    return bool(before) and before[-1][1] != "withdrew"


def _since(made: Collections, came: Iterable[str], day: str) -> Iterator[str]:
    ends = made.meetings | {visit: last for visit, _, _, _, last in made.visits}
    return (meeting for meeting in came if ends[meeting] >= day)


def _together(made: Collections, one: str, other: str) -> set[str]:
    came: dict[str, set[str]] = {}
    for meeting, state, presence in made.delegates:
        if presence in ("in_person", "represented"):
            came.setdefault(meeting, set()).add(state)
    for visit, visitor, host, *_ in made.visits:
        came[visit] = {visitor, host}
    return {meeting for meeting, states in came.items() if {one, other} <= states}
