"""The endpoint of the ledger."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from app.declaration.filters import MAX_VALUES, FromDay, ToDay, Topics
from app.declaration.filters.values import IdList
from app.declaration.model import Naming
from app.domain.vocabulary import Kind
from app.errors import Invalid
from app.faults import Fault
from app.http import lines
from app.http.endpoints import Request
from app.http.lines import ByDate, Lines, LinesAnswer, LinesQuery, LinesSender, LinesView, Reading
from app.http.viewing import Viewing
from app.views.ledger import KINDS, Asked, Ledger, LedgerLine
from app.views.lines import ACTORS

LineKind = Literal["meeting", "memorandum", "outcome", "membership", "position", "organization"]
_COLUMNS = {
    **lines.columns_at("date", "date_start", "date_end", "what", "record.kind", "record.id", "record.name", "action"),
    **lines.columns_at("meeting.id", "meeting.name", "by.id", "by.name", "to.id", "to.name", "status", "through"),
    "sides": lines.sides,
    **lines.CITED,
}
_VIEW = LinesView("ledger", {"id": lambda line: line["action"] or line["record"]["id"], **_COLUMNS}, page="../ledger")


class LedgerQuery(LinesQuery):
    """The query parameters of the ledger."""

    between: Annotated[
        IdList | None,
        Field(description="two to five actors, separated by commas: what all of them have to do with", examples=["BY,AE"]),
    ] = None
    of: Annotated[
        Naming | None,
        Field(
            description="the record whose timeline is asked for, in place of `between`: an actor, a topic, a series, a meeting,"
            " an instrument or an outcome",
            examples=["by-cn-ict-mou-2024"],
        ),
    ] = None
    date_from: FromDay = None
    date_to: ToDay = None
    topic: Topics = None
    kind: Annotated[
        list[LineKind] | None,
        Field(
            min_length=1,
            max_length=MAX_VALUES,
            description="about records of this kind; what was done to an instrument is about the instrument; several are OR",
            examples=["memorandum"],
        ),
    ] = None
    sort: ByDate = "date"

    def faults(self) -> list[Fault]:
        """Return the faults of parameters that contradict each other."""
        found = super().faults()
        if (self.between is None) == (self.of is None):
            found.append(Fault("write either `between` or `of`: between=BY,CN or of=sco", parameter="between"))
        return found


class LedgerAnswer(LinesAnswer):
    """A page of the ledger."""

    data: list[LedgerLine]


def router(sender: LinesSender, ledger: Ledger) -> APIRouter:
    """Return a router with the endpoint of the ledger."""
    routes = lines.routes()

    @routes.get(
        "/v1/ledger",
        response_model=LedgerAnswer,
        **lines.described(
            "list_ledger",
            "All that happened between actors, or in the life of a record",
            "The lines, in order.",
            examples=(
                "/v1/ledger?between=BY,AE",
                "/v1/ledger?between=UZ,sco",
                "/v1/ledger?of=CN&date_from=2024-01-01",
                "/v1/ledger?of=by-cn-ict-mou-2024&lang=ru",
            ),
        ),
    )
    async def list_ledger(request: Request, query: Annotated[LedgerQuery, Query()]) -> Lines:
        """Returns one line for each event, the oldest first: meetings, what was signed and what became of it, pledges.

        Each line has the citations that support it. Memberships and offices are lines, too, and so are instruments to which a
        side is linked only as a member of an organization; `through` tells them.
        """

        async def read(digest: str, key: Sequence[str] | None, languages: tuple[str, ...]) -> Reading:
            asked = await _asked(sender.viewing, query, languages)
            return Reading(await ledger.read(asked, digest, key))

        return await sender.answer(request, query, _VIEW, 3, read)

    return routes


async def _asked(viewing: Viewing, query: LedgerQuery, languages: tuple[str, ...]) -> Asked:
    """Return what is asked for, with the ids for which the values stand."""
    between = query.between.split(",") if query.between else []
    actors = await viewing.ids([("between", value) for value in between], ACTORS)
    of = await viewing.ids([("of", query.of)] if query.of else [], KINDS)
    about = await viewing.ids([("topic", value) for value in query.topic or ()], (Kind.TOPIC,))
    if query.of and of[query.of][1] is Kind.TOPIC and about:
        fault = Fault("the timeline is that of a topic already; leave this out", parameter="topic")
        raise Invalid(str(fault), faults=[fault])
    if len({record_id for record_id, _ in actors.values()}) < len(between):
        fault = Fault("names an actor twice; name two to five different ones", parameter="between")
        raise Invalid(str(fault), faults=[fault])
    topics = [record_id for record_id, kind in (*about.values(), *of.values()) if kind is Kind.TOPIC]
    return Asked(
        actors=tuple(actors[value] for value in between),
        of=of[query.of] if query.of else None,
        date_from=query.date_from,
        date_to=query.date_to,
        topics=tuple(await viewing.with_narrower(topics)),
        kinds=tuple(Kind(kind) for kind in query.kind or ()),
        descending=query.sort == "-date",
        languages=languages,
    )
