"""What the endpoints of all figures share: the parameters that select records, their ids, links between formats, file names."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from app.db.driver import Driver
from app.declaration.filters import MAX_VALUES, FromDay, Lang, ToDay, Topics
from app.declaration.model import Naming
from app.declaration.resource import Resource
from app.domain.vocabulary import Kind
from app.errors import Invalid
from app.faults import Fault, summary
from app.http.endpoints import Request
from app.http.parameters import window_fault
from app.http.queries import with_page
from app.http.representations import JSON, Representation
from app.http.representations.csv import Csv
from app.http.responses import Header, base_url, language_header, link_header, position_header, shown_path
from app.http.viewing import Viewing
from app.reading.changes import Position
from app.reading.names import Names
from app.reading.naming import Meanings
from app.views.results import Results
from app.views.selection import Counted, Selection, counted_in

ACTORS = (Kind.COUNTRY, Kind.ORGANIZATION, Kind.PERSON)
HEADERS = ("ETag", "Content-Language", "Link", "Vary", "Rapporteur-Position")
CSV = Csv()
Of = Literal["meetings", "memoranda", "outcomes"]
_MOST_IN_NAME = 80
"""The most characters of a file name before the position and the suffix."""


class FigureQuery(BaseModel):
    """The query parameters that all figures have."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    date_from: FromDay = None
    date_to: ToDay = None
    topic: Topics = None
    lang: Lang = None
    csv_safe: Annotated[bool, Csv.parameters["csv_safe"][1]] = False
    bom: Annotated[bool, Csv.parameters["bom"][1]] = False


class NarrowedQuery(FigureQuery):
    """The query parameters of figures that count one kind of records."""

    participant: Annotated[
        Naming | None,
        Field(description="only records in which this country, organization or person is involved", examples=["BY"]),
    ] = None
    type: Annotated[
        list[str] | None,
        Field(min_length=1, max_length=MAX_VALUES, description="only records of one of these types", examples=["talks"]),
    ] = None
    status: Annotated[
        list[str] | None,
        Field(min_length=1, max_length=MAX_VALUES, description="only records with one of these statuses", examples=["held"]),
    ] = None


class Figures:
    """What the endpoints of figures need to find ids and names, and to remember what was counted."""

    def __init__(self, driver: Driver, resources: Iterable[Resource], meanings: Meanings, *, patience: float) -> None:
        """`patience`: seconds that a figure waits until others are counted."""
        self.viewing = Viewing(driver, meanings)
        self.results = Results(self.viewing.as_of, patience=patience)
        self.names = Names(driver)
        self.kinds = counted_in(resources)

    async def selection(self, query: FigureQuery, of: Counted | None = None) -> Selection:
        """Return what a query selects, with ids for the values that stand for records.

        `of`: the kind of the records, of whose vocabularies the words must be. Raises Invalid, which names every fault.
        """
        faults = [fault for fault in [window_fault(query.date_from, query.date_to)] if fault]
        narrowed = query if isinstance(query, NarrowedQuery) else NarrowedQuery()
        types, statuses = narrowed.type or [], narrowed.status or []
        if of is not None:
            faults += [*_word_faults("type", types, of), *_word_faults("status", statuses, of)]
        topics = await self._ids("topic", query.topic or (), (Kind.TOPIC,), faults)
        actors = await self._ids("participant", [narrowed.participant] if narrowed.participant else (), ACTORS, faults)
        if faults:
            raise Invalid(summary(faults), faults=faults)
        return Selection(
            date_from=query.date_from,
            date_to=query.date_to,
            topics=tuple(topics),
            types=tuple(dict.fromkeys(types)),
            statuses=tuple(dict.fromkeys(statuses)),
            participant=next(iter(actors), None),
        )

    async def _ids(self, parameter: str, values: Iterable[str], kinds: Sequence[Kind], faults: list[Fault]) -> list[str]:
        """Return the ids for which the values stand, each once. If one stands for none, add the faults to `faults`."""
        try:
            meant = await self.viewing.ids([(parameter, value) for value in values], kinds)
        except Invalid as problem:
            faults += problem.faults
            return []
        return list(dict.fromkeys(meant[value][0] for value in values))


def _word_faults(name: str, words: Sequence[str], of: Counted) -> list[Fault]:
    known = of.words(name)
    told = f"is no {name} of {of.plural}: write {', '.join(known)}"
    return [Fault(f"{word!r} {told}", parameter=name) for word in words if word not in known]


def prefix(request: Request, form: Representation) -> str:
    """Return what stands before the path of each link in an answer: in a file, which is read elsewhere, also the server."""
    return shown_path(request.scope, "") if form is JSON else base_url(request.scope)


def headers_of(
    request: Request,
    offered: Sequence[Representation],
    as_of: Position,
    languages: Sequence[str],
    name: Sequence[str | None],
    links: Sequence[str] = (),
    page: str = "",
) -> list[Header]:
    """Return the headers of a figure: its language, its position in the log, links to other formats, the name of a file.

    `name`: the parts of the name that tell the figure from others. `links`: further links. `page`: where its page for people
    is, relative to the request; empty if there is none.
    """
    form = request.representation
    kept = [(key, value) for key, value in request.pairs if key != "format"]
    others = [each for each in offered if each is not form]
    links = [
        *links,
        *(f'<?{urlencode([*kept, ("format", each.name)])}>; rel="alternate"; type="{each.media_type}"' for each in others),
    ]
    alternates = ", ".join(links)
    if page:
        alternates = with_page(alternates, page, kept)
    found = [*language_header(*languages[:1]), position_header(as_of), *link_header(alternates)]
    if form.suffix is not None:
        words = "-".join(filter(None, name))[:_MOST_IN_NAME]
        found.append((b"content-disposition", f'attachment; filename="{words}-{as_of.seq}.{form.suffix}"'.encode()))
    return found


def refuse_of_other_formats(query: FigureQuery, form: Representation) -> None:
    """Raise Invalid if a parameter of CSV is given for another format."""
    given: dict[str, Any] = query.model_dump()
    faults = [
        Fault(f"only csv has this; send format=csv, or leave {name} out", parameter=name)
        for name in sorted(CSV.refused_elsewhere)
        if form is not CSV and given.get(name)
    ]
    if faults:
        raise Invalid(summary(faults), faults=faults)
