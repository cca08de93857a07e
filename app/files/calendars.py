"""Writes meetings and actions as an iCalendar file (RFC 5545, RFC 7986).

Only days that a source states become days of a calendar. A record whose source states a month or a year is left out and
counted, or, with `imprecise=span`, drawn over the whole time that its date can mean, with this date before its title.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from app.domain import edtf
from app.domain.texts import xml_text
from app.files.listing import Listing
from app.files.wording import Record, first_quote, in_words, list_in_words, page_of, said_of, title_of, topics_of

if TYPE_CHECKING:
    from icalendar import Calendar, Component, Event, Timezone

MOST_EVENTS = 1_000
"""The most events of one calendar."""
MOST_PARTICIPANTS = 40
"""The most participants that the description of an event lists."""
REFRESHED = timedelta(hours=12)
"""How often a calendar program should ask for the calendar again."""
_STATUSES = {"planned": "TENTATIVE", "postponed": "TENTATIVE", "held": "CONFIRMED", "cancelled": "CANCELLED"}
_SEPARATORS = dict.fromkeys((0x85, 0x2028, 0x2029), "\n")
"""Characters at which some calendar programs end a line of the file, so they become line feeds, which are escaped."""
_REPLACED = {0x0D: None, 0x7F: None, **_SEPARATORS}


class Told(NamedTuple):
    """What a calendar says of itself, and what its events need besides their records."""

    name: str
    """The filter in words."""
    kind: str
    """The kind of the records."""
    url: str
    """The URL of the calendar."""
    collection_url: str
    """The URL below which each record has its own."""
    host: str
    """The host name in the ids of events. It must never change, or calendar programs show each event twice."""
    spans: bool = False
    """Whether records without stated days are drawn over the whole time that their dates can mean."""
    since: str | None = None
    """The day on which the calendar begins although the request has no window; None if it has one."""
    undated: int | None = None
    """How many records that match the filter are not in the list because they have no date; None if it is not known."""


def write(lines: Path, result: Path, listing: Listing) -> None:
    """Write the calendar of a list, or of a single record. This is the job of a worker process."""
    filters = {name: values for name, values in listing.filters.items() if name not in listing.added}
    told = Told(
        name=list_in_words(listing.plural, filters, listing.names),
        kind=listing.kind,
        url=listing.url,
        collection_url=listing.collection_url,
        host=listing.id_host,
        spans=listing.options["imprecise"] == "span",
        since=listing.filters["date_from"][0] if "date_from" in listing.added else None,
        undated=listing.undated,
    )
    with lines.open(encoding="utf-8") as file:
        records: Iterator[Record] = map(json.loads, file)
        if listing.record_id:
            record = next(records)
            told, records = told._replace(name=title_of(record)), iter([record])
        result.write_bytes(calendar(records, told))


def calendar(records: Iterable[Record], told: Told) -> bytes:
    """Return the iCalendar file of meetings and actions, of the first `MOST_EVENTS` of them. Equal records give equal bytes.

    The records are read one by one, because those of a calendar may have many thousands of participants together.
    """
    from icalendar import Calendar  # noqa: PLC0415 - it takes 0.2 s to load

    made = Calendar()
    left_out: Counter[str] = Counter()
    events, is_cut = 0, False
    for read, record in enumerate(records):
        is_cut = read == MOST_EVENTS
        if is_cut:
            break
        event = _event(record, told)
        if event is None:
            left_out[_reason(record)] += 1
        else:
            made.add_component(event)
            events += 1
    if not events:
        # RFC 5545 wants at least one component, and a list may have no event.
        made.add_component(_utc())
    _describe(made, told, _counts(events, left_out, told, is_cut=is_cut))
    return bytes(made.to_ical())


def drawn_days(record: Record, *, spans: bool) -> edtf.Days | None:
    """Return the first and the last day on which a record stands in a calendar; None if it is left out."""
    text = record["date"]
    if not text:
        return None
    days = edtf.stated_days(text)
    if days is None and spans:
        bounds = edtf.event(text)
        is_open = bounds.start == edtf.NO_START or bounds.end == edtf.NO_END
        return None if is_open else edtf.Days(*bounds, is_approximate=False, is_uncertain=False)
    return days


def _describe(made: "Calendar", told: Told, counts: str) -> None:
    """Add what the calendar says of itself. Programs read its name and description under the names with X, or under both."""
    description = f"{told.name}. {counts}"
    for key, value in (
        ("version", "2.0"),
        ("prodid", "-//Rapporteur//Rapporteur//EN"),
        ("calscale", "GREGORIAN"),
        ("name", told.name),
        ("x-wr-calname", told.name),
        ("description", description),
        ("x-wr-caldesc", description),
        ("x-published-ttl", "PT12H"),
    ):
        _add(made, key, value)
    made.add("refresh-interval", REFRESHED, parameters={"value": "DURATION"})
    made.add("source", _text(told.url), parameters={"value": "URI"})


def _counts(events: int, left_out: Mapping[str, int], told: Told, *, is_cut: bool) -> str:
    """Return how many events there are, and how many records were left out for which reason."""
    sentences = [f"{events:,} {'event' if events == 1 else 'events'}."]
    reasons = [f"{count:,} {reason}" for reason, count in sorted(left_out.items())]
    if told.since:
        sentences.append(f"It begins a year ago, on {told.since}, because neither date_from nor date_to is given.")
    if told.undated:
        reasons.append(f"{told.undated:,} without any date{_WHY_UNDATED.get(told.kind, '')}")
    if reasons:
        sentences.append(f"Left out: {', '.join(reasons)}.")
    if is_cut:
        sentences.append(f"The list goes on after {MOST_EVENTS:,} records: narrow it down with date_from and date_to.")
    return " ".join(sentences)


_WHY_UNDATED = {"meeting": " (not stated, or put off to no new day)"}


def _reason(record: Record) -> str:
    """Return why a record is left out."""
    return "without stated days (imprecise=span draws them)" if record["date"] else "without a date of their own"


def _event(record: Record, told: Told) -> "Event | None":
    """Return the event of a record; None if the record is left out."""
    from icalendar import Event  # noqa: PLC0415 - as in `calendar`

    days = drawn_days(record, spans=told.spans)
    if days is None:
        return None
    changed = datetime.fromisoformat(record["updated_at"]).replace(microsecond=0).astimezone(UTC)
    event = Event()
    event.add("uid", f"{record['id']}@{told.host}")
    event.add("sequence", record["version"] - 1)
    event.add("dtstamp", changed)
    event.add("last-modified", changed)
    event.add("dtstart", date.fromisoformat(days.first))
    event.add("dtend", date.fromisoformat(days.last) + timedelta(1))
    event.add("transp", "TRANSPARENT")
    event.add("url", _text(page_of(f"{told.collection_url}/{record['id']}")))
    _add(event, "summary", _title(record, days))
    _add(event, "status", _STATUSES.get(record.get("status") or "", "") if record["kind"] == "meeting" else "CONFIRMED")
    _add(event, "location", _place(record))
    _add(event, "description", _description(record, days))
    if topics := topics_of(record):
        event.add("categories", [_text(topic["name"]) for topic in topics])
    return event


def _title(record: Record, days: edtf.Days) -> str:
    """Return the title of an event, in which marks say that it was cancelled, and how sure its days are."""
    before = "≈ " if days.is_approximate else ""
    if edtf.stated_days(record["date"]) is None:
        before = f"[{record['date']}] "
    if record.get("status") == "cancelled":
        before = f"Cancelled: {before}"
    return f"{before}{title_of(record)}{' (?)' if days.is_uncertain else ''}"


def _place(record: Record) -> str:
    """Return where a meeting was held: its venue, city and country, then its further places."""
    places = [[record.get("venue"), *_city(record)], *(_city(place) for place in record.get("also_in") or ())]
    return "; ".join(", ".join(part for part in place if part) for place in places)


def _city(place: Record) -> list[str | None]:
    country = place.get("country")
    return [place.get("city"), country["name"] if country else None]


def _description(record: Record, days: edtf.Days) -> str:
    """Return what an event says of itself: the registry's sentences, the participants, and the first quote."""
    parts = [said_of(record), _circumstances(record, days), _participants(record), str(first_quote(record) or "")]
    return "\n\n".join(part for part in parts if part)


def _circumstances(record: Record, days: edtf.Days) -> str:
    """Return the date if its days are not sure, and, of an action, at which meeting, by whom and between which dates."""
    is_sure = edtf.stated_days(record["date"]) == days and not (days.is_approximate or days.is_uncertain)
    lines = [] if is_sure else [f"Date: {record['date']}"]
    lines += [
        f"{label}: {record[field]['name'] if isinstance(record[field], Mapping) else record[field]}"
        for field, label in _OF_ACTIONS.items()
        if record.get(field)
    ]
    return "\n".join(lines)


_OF_ACTIONS = {"meeting": "At", "party": "By", "date_before": "Date before", "date_after": "Date after"}


def _participants(record: Record) -> str:
    """Return the participants as text, with a line for each and all roles. The text is empty if no participant is known."""
    roles: dict[str, dict[str, None]] = {}
    for participant in record.get("participants") or ():
        known = roles.setdefault(_who(participant), {})
        known.update(dict.fromkeys(_parts_of(participant)))
    if not roles:
        return ""
    lines = [f"- {who}: {', '.join(several)}" if several else f"- {who}" for who, several in roles.items()]
    more = len(lines) - MOST_PARTICIPANTS
    if more > 0 or record.get("participants_more"):
        lines = [*lines[:MOST_PARTICIPANTS], "- and more"]
    return "\n".join(["Participants:", *lines])


def _who(participant: Record) -> str:
    """Return a participant by name, a person with the body or the country for which it took part."""
    organization, country = (
        participant[field]["name"] if participant[field] else None for field in ("organization", "country")
    )
    if participant["person"]:
        body = organization or country
        return f"{participant['person']['name']} ({body})" if body else str(participant["person"]["name"])
    return str(participant["group"] or organization or country)


def _parts_of(participant: Record) -> Iterator[str]:
    """Yield the capacity, the role and the presence of a participant, as far as they are stated, in words."""
    if participant["capacity"]:
        yield participant["capacity"]
    if participant["role"] and participant["role"] != "participant":
        yield in_words(participant["role"])
    if participant["presence"]:
        yield in_words(participant["presence"])


def _add(component: "Component", name: str, value: str) -> None:
    """Add a text, if it is not empty, to a component. Commas, semicolons, backslashes and line feeds are escaped."""
    from icalendar import vText  # noqa: PLC0415 - as in `calendar`

    if value:
        component.add(name, vText(_text(value)))


def _text(value: str) -> str:
    """Return a text without control characters, which iCalendar forbids, and with line feeds alone as ends of lines."""
    return xml_text(value).translate(_REPLACED)


def _utc() -> "Timezone":
    """Return the definition of the time zone UTC."""
    from icalendar import Timezone, TimezoneStandard  # noqa: PLC0415 - as in `calendar`

    zone, standard = Timezone(), TimezoneStandard()
    zone.add("tzid", "UTC")
    standard.add("dtstart", datetime(1970, 1, 1))  # noqa: DTZ001 - local time by definition
    standard.add("tzoffsetfrom", timedelta())
    standard.add("tzoffsetto", timedelta())
    zone.add_component(standard)
    return zone
