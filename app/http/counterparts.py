"""`GET /v1/counterparts`: whom an actor meets most, and when last."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from pydantic_core import to_json

from app.db.driver import Driver
from app.declaration.filters.values import WHOLE
from app.declaration.model import AnyRef, Naming
from app.domain.vocabulary import Kind
from app.http.endpoints import Request, offering
from app.http.figures import ACTORS, CSV, HEADERS, FigureQuery, Figures, headers_of, prefix, refuse_of_other_formats
from app.http.negotiation import requested_languages
from app.http.openapi.shared import CONDITIONAL, described
from app.http.representations import JSON
from app.http.representations.csv import table
from app.http.viewing import Derived
from app.reading.names import Called
from app.views.counterparts import MOST, Common, Counterparts, CounterpartsView, Wanted
from app.views.selection import COUNTED, Selection

FORMS = (JSON, CSV)
DEFAULT_LIMIT = 20


class CounterpartsQuery(FigureQuery):
    """The query parameters of counterparts."""

    of: Annotated[Naming, Field(description="the actor: a country, an organization or a person", examples=["BY"])]
    kind: Annotated[
        Literal["country", "organization"], Field(description="the kind of the counterparts", examples=["organization"])
    ] = "country"
    limit: Annotated[int, Field(ge=1, le=MOST, description="how many counterparts at the most", examples=[10]), WHOLE] = (
        DEFAULT_LIMIT
    )
    format: Annotated[Literal["json", "csv"] | None, Field(description="goes before `Accept`", examples=["csv"])] = None


class InCommon(BaseModel):
    """How many records two actors have in common, and the list of them."""

    count: int
    link: Annotated[str, Field(description="the list of these records; its `page.total` is the same number")]


class Counterpart(BaseModel):
    """An actor with whom the one asked for has records in common."""

    actor: AnyRef
    meetings: InCommon
    memoranda: InCommon
    outcomes: InCommon
    first_day: Annotated[str | None, Field(description="the first day that the first record in common can mean")]
    last_day: Annotated[str | None, Field(description="the first day that the last record in common can mean")]
    last: Annotated[AnyRef | None, Field(description="that record; of those of one day a meeting, if there is one")]
    last_date: Annotated[
        str | None, Field(description="its date (EDTF), or what it can mean by its meeting or acts", examples=["2003-12-11~"])
    ]


class CounterpartsAnswer(BaseModel):
    """The counterparts of an actor, those with the most meetings in common first."""

    of: AnyRef
    data: list[Counterpart]
    left_out: Annotated[int, Field(description="how many further counterparts there are")]
    as_of: Annotated[str, Field(description="the position of the change log", examples=["907.1f0c9a3e"])]


def router(figures: Figures, driver: Driver) -> APIRouter:
    """Return a router with the endpoint of counterparts."""
    routes = APIRouter(route_class=offering(*FORMS), tags=["views"])
    view = CounterpartsView(driver, figures.kinds)

    @routes.get(
        "/v1/counterparts",
        response_model=CounterpartsAnswer,
        **described(
            "list_counterparts",
            "Whom an actor meets most, and when last",
            "The counterparts.",
            shown=HEADERS,
            more_parameters=CONDITIONAL,
            also=FORMS[1:],
            examples=(
                "/v1/counterparts?of=BY",
                "/v1/counterparts?of=BY&kind=organization&lang=ru",
                "/v1/counterparts?of=by-mci&date_from=2024-01-01",
            ),
        ),
    )
    async def list_counterparts(request: Request, query: Annotated[CounterpartsQuery, Query()]) -> Derived:
        """Returns the countries or the organizations with which an actor has the most records in common.

        Each number equals the total of the list to which it links. An actor takes part also through its bodies and people. What
        belongs to the actor is no counterpart: the ministries of a country, the country of a ministry, those for whom a person
        took part.
        """
        refuse_of_other_formats(query, request.representation)
        as_of = await figures.viewing.as_of()
        actor, kind = (await figures.viewing.ids([("of", query.of)], ACTORS))[query.of]
        selection = await figures.selection(query)
        wanted = Wanted(actor, kind, Kind(query.kind), selection)
        languages = requested_languages(query.lang, request.wants.accept_language)
        form = request.representation

        async def make() -> bytes:
            counted = Counterparts.read(await figures.results.of(as_of, wanted.asked, lambda: view.count(wanted)))
            rows = list(counted.first.items())[: query.limit]
            named = {actor, *(other for other, _ in rows), *(each.last for _, each in rows if each.last)}
            names = await figures.names.of(named, languages)
            dates = await view.dates({each.last for _, each in rows if each.last})
            known = [(other, each) for other, each in rows if other in names]  # one may have been deleted meanwhile
            if form is CSV:
                head = [*_COLUMNS, *(f"{plural}{part}" for plural in COUNTED for part in ("", ".link"))]
                lines = (
                    _row(actor, other, each, names, dates, selection, figures, prefix(request, form)) for other, each in known
                )
                return table(head, lines, safe=query.csv_safe, bom=query.bom)
            answer = {
                "of": _reference(actor, names),
                "data": [
                    _counterpart(actor, other, each, names, dates, selection, figures, prefix(request, form))
                    for other, each in known
                ],
                "left_out": counted.total - len(rows),
                "as_of": str(as_of),
            }
            return to_json(answer)

        name = ("counterparts", actor, query.kind, *selection.words())
        headers = headers_of(request, FORMS, as_of, languages, name, page="../counterparts")
        return Derived(as_of, make, headers, form.content_type, also=form.name)

    return routes


_COLUMNS = ("id", "kind", "name", "first_day", "last_day", "last.id", "last.name", "last.date")


def _reference(record_id: str, names: dict[str, Called]) -> dict[str, str] | None:
    called = names.get(record_id)
    return {"id": record_id, "kind": called.kind, "name": called.name} if called is not None else None


def _links(actor: str, other: str, selection: Selection, figures: Figures, where: str) -> Iterator[tuple[str, str]]:
    """Yield (name of a list, the address of the list of the records that two actors have in common)."""
    for plural, counted in figures.kinds.items():
        yield plural, where + selection.address(counted, actors=(actor, other))


def _counterpart(
    actor: str,
    other: str,
    common: Common,
    names: dict[str, Called],
    dates: dict[str, str],
    selection: Selection,
    figures: Figures,
    where: str,
) -> dict[str, Any]:
    links = _links(actor, other, selection, figures, where)
    return {
        "actor": _reference(other, names),
        **{plural: {"count": common.records.get(plural, 0), "link": link} for plural, link in links},
        "first_day": common.first_day or None,
        "last_day": common.last_day or None,
        "last": _reference(common.last, names) if common.last else None,
        "last_date": dates.get(common.last),
    }


def _row(
    actor: str,
    other: str,
    common: Common,
    names: dict[str, Called],
    dates: dict[str, str],
    selection: Selection,
    figures: Figures,
    where: str,
) -> Sequence[Any]:
    last = names.get(common.last)
    told = [
        cell
        for plural, link in _links(actor, other, selection, figures, where)
        for cell in (common.records.get(plural, 0), link)
    ]
    called = names[other]
    return [
        other,
        called.kind,
        called.name,
        common.first_day,
        common.last_day,
        common.last,
        last.name if last else "",
        dates.get(common.last, ""),
        *told,
    ]
