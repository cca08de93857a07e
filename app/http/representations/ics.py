"""The iCalendar format: meetings and actions as events of a calendar. A worker process writes it."""

import json
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, ClassVar, Literal

from pydantic import Field

from app.declaration.resource import CITED, Resource
from app.domain import edtf
from app.domain.vocabulary import Kind
from app.files import calendars
from app.files.listing import Job
from app.http.representations.representation import WritesFiles

_IMPRECISE = (
    "what a calendar does with records whose source states no days but, for example, a month: `leave_out` counts them in the"
    " calendar's description, `span` draws them over all days that their date can mean"
)


class Ics(WritesFiles):
    """Writes a calendar to which calendar programs subscribe, or one event that they take over."""

    name = "ics"
    media_type = "text/calendar"
    content_type = "text/calendar; charset=utf-8"
    suffix = "ics"
    kinds = frozenset((Kind.MEETING, Kind.ACTION))
    of_records = True
    most = calendars.MOST_EVENTS
    cuts = True
    tells_of_list = True
    parameters: ClassVar = {
        "imprecise": (Literal["leave_out", "span"], Field(default="leave_out", description=_IMPRECISE, examples=["span"]))
    }
    refused_elsewhere = frozenset({"imprecise"})
    refuses = frozenset({"fields", "include"})

    @property
    def job(self) -> Job:
        """The function that writes the calendar."""
        return calendars.write

    def needs(self, resource: Resource) -> Collection[str]:
        """Return what the description of an event says: participants, topics and citations."""
        return ["topics", CITED, *({"participants"} & resource.includes.keys())]

    def defaults(self, resource: Resource, given: Mapping[str, Any], today: date) -> Mapping[str, Any]:
        """Return a window that begins a year ago, unless the request has one: what is older, nobody plans with."""
        if given["date_from"] or given["date_to"]:
            return {}
        return {"date_from": edtf.shifted(today.isoformat(), years=-1)}

    def fault(self, text: str, options: Mapping[str, Any]) -> str | None:
        """Return that a record has no days to put into a calendar, if it has none."""
        record = json.loads(text)
        if calendars.drawn_days(record, spans=options["imprecise"] == "span"):
            return None
        written = record["date"]
        if not written:
            return f"the {record['kind']} has no date of its own, so no calendar has it"
        return f"the sources state no days of the {record['kind']}, only {written}; imprecise=span draws it over all of that"
