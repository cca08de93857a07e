"""`GET /v1/compare`: several actors side by side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from pydantic_core import from_json, to_json

from app.db.driver import Driver
from app.declaration.filters.values import ComparedList
from app.declaration.model import AnyRef
from app.errors import Invalid
from app.faults import Fault
from app.http.counterparts import InCommon
from app.http.endpoints import Request, offering
from app.http.figures import ACTORS, CSV, HEADERS, FigureQuery, Figures, headers_of, prefix, refuse_of_other_formats
from app.http.negotiation import requested_languages
from app.http.openapi.shared import CONDITIONAL, described
from app.http.representations import JSON
from app.http.representations.csv import table
from app.http.viewing import Derived
from app.reading.names import Called
from app.views.comparison import MOST_PARTNERS, MOST_VALUES, Compared, Comparison, Numbers, read
from app.views.counterparts import Common
from app.views.selection import COUNTED, Selection

FORMS = (JSON, CSV)
_OF_ADDRESS = {"topic": "topic", "type": "word", "year": "year"}
"""By dimension: the argument of `Selection.address` for a value of it."""


class CompareQuery(FigureQuery):
    """The query parameters of a comparison."""

    actors: Annotated[ComparedList, Field(description="two to five actors, separated by commas", examples=["BY,UZ,AE"])]
    format: Annotated[Literal["json", "csv"] | None, Field(description="goes before `Accept`", examples=["csv"])] = None


class Value(BaseModel):
    """How many records have a value."""

    value: Annotated[str, Field(description="the id of a topic, a type, or a year")]
    name: Annotated[str, Field(description="the name of the topic in the language asked for; otherwise the value")]
    count: int
    link: Annotated[str, Field(description="the list of these records; its `page.total` is the same number")]


class Activity(InCommon):
    """How many records of a list involve an actor, by topic, type and year."""

    by_topic: Annotated[list[Value], Field(description=f"the largest first, at most {MOST_VALUES}")]
    by_type: Annotated[list[Value], Field(description=f"the largest first, at most {MOST_VALUES}")]
    by_year: Annotated[list[Value], Field(description=f"in their order, at most {MOST_VALUES}")]


class ComparedActor(BaseModel):
    """What an actor does."""

    actor: AnyRef
    meetings: Activity
    memoranda: Activity
    outcomes: Activity


class Shared(BaseModel):
    """What an actor has in common with a partner."""

    actor: str
    meetings: InCommon
    memoranda: InCommon
    outcomes: InCommon


class Partner(BaseModel):
    """A country with which all compared actors have something in common."""

    partner: AnyRef
    shared: Annotated[list[Shared], Field(alias="with")]


class Contact(BaseModel):
    """When two of the compared actors last met."""

    between: list[AnyRef]
    last_day: Annotated[str | None, Field(description="the first day that their last record in common can mean; null if none")]
    last: AnyRef | None


class CompareAnswer(BaseModel):
    """Several actors side by side."""

    data: list[ComparedActor]
    partners: Annotated[
        list[Partner], Field(description=f"whom all of them meet, those with the most first, at most {MOST_PARTNERS}")
    ]
    last_contacts: Annotated[list[Contact], Field(description="for each pair of them")]
    as_of: Annotated[str, Field(description="the position of the change log", examples=["907.1f0c9a3e"])]


def router(figures: Figures, driver: Driver) -> APIRouter:
    """Return a router with the endpoint of comparisons."""
    routes = APIRouter(route_class=offering(*FORMS), tags=["views"])
    comparison = Comparison(driver, figures.kinds)

    @routes.get(
        "/v1/compare",
        response_model=CompareAnswer,
        **described(
            "get_comparison",
            "Several actors side by side",
            "The numbers of each actor, their partners in common, and their last contacts.",
            shown=HEADERS,
            more_parameters=CONDITIONAL,
            also=FORMS[1:],
            examples=("/v1/compare?actors=BY,UZ,AE", "/v1/compare?actors=BY,CN&date_from=2024-01-01&lang=ru"),
        ),
    )
    async def get_comparison(request: Request, query: Annotated[CompareQuery, Query()]) -> Derived:
        """Counts the meetings, memoranda and outcomes of two to five actors by topic, type and year.

        Each number links to the list of its records and equals the total of that list. Also returns the countries that all of
        them meet, and for each pair when they last met.
        """
        refuse_of_other_formats(query, request.representation)
        as_of = await figures.viewing.as_of()
        values = query.actors.split(",")
        ids = await figures.viewing.ids([("actors", value) for value in values], ACTORS)
        actors = [ids[value] for value in values]
        if len(set(actors)) < len(actors):
            fault = Fault("names an actor twice; name two to five different ones", parameter="actors")
            raise Invalid(str(fault), faults=[fault])
        selection = await figures.selection(query)
        topics = tuple(sorted(await figures.viewing.with_narrower(selection.topics)))
        languages = requested_languages(query.lang, request.wants.accept_language)
        form = request.representation

        async def make() -> bytes:
            asked = ("compare", tuple(actors), selection)
            counted = await figures.results.of(as_of, asked, lambda: comparison.count(actors, selection, topics))
            compared = read(from_json(counted))
            names = await figures.names.of(_named(compared), languages)
            shown = _Shown(compared, names, selection, figures, prefix(request, form))
            if form is CSV:
                head = ("actor.id", "actor.name", "of", "by", "value", "name", "count", "link")
                return table(head, shown.rows(), safe=query.csv_safe, bom=query.bom)
            return to_json({**shown.answer(), "as_of": str(as_of)})

        name = ("compare", *(actor for actor, _ in actors), *selection.words())
        return Derived(as_of, make, headers_of(request, FORMS, as_of, languages, name), form.content_type, also=form.name)

    return routes


def _named(compared: Compared) -> set[str]:
    """Return the ids of all records that an answer names."""
    found = {*compared.numbers, *compared.partners}
    found |= {each.last for _, _, each in compared.contacts if each is not None and each.last}
    for lists in compared.numbers.values():
        found |= {value for numbers in lists.values() for value in numbers.axes["topic"].values}
    return found


class _Shown:
    """A comparison with names and links."""

    def __init__(
        self, compared: Compared, names: Mapping[str, Called], selection: Selection, figures: Figures, where: str
    ) -> None:
        self._compared = compared
        self._names = names
        self._selection = selection
        self._kinds = figures.kinds
        self._where = where

    def answer(self) -> dict[str, Any]:
        """Return the answer as JSON, without `as_of`."""
        return {
            "data": [
                {
                    "actor": self._reference(actor),
                    **{plural: self._activity(actor, plural, each) for plural, each in lists.items()},
                }
                for actor, lists in self._compared.numbers.items()
            ],
            "partners": [
                {
                    "partner": self._reference(partner),
                    "with": [{"actor": actor, **self._shared(actor, partner, common)} for actor, common in several.items()],
                }
                for partner, several in self._compared.partners.items()
            ],
            "last_contacts": [
                {
                    "between": [self._reference(one), self._reference(other)],
                    "last_day": (common.last_day or None) if common is not None else None,
                    "last": self._reference(common.last) if common is not None and common.last else None,
                }
                for one, other, common in self._compared.contacts
            ],
        }

    def rows(self) -> Iterator[Sequence[Any]]:
        """Yield the rows of a table: one for each number of an actor."""
        for actor, lists in self._compared.numbers.items():
            named = (actor, self._names[actor].name)
            for plural in COUNTED:
                activity = self._activity(actor, plural, lists[plural])
                yield (*named, plural, "", "", "", activity["count"], activity["link"])
                for by in ("topic", "type", "year"):
                    for each in activity[f"by_{by}"]:
                        yield (*named, plural, by, each["value"], each["name"], each["count"], each["link"])

    def _activity(self, actor: str, plural: str, numbers: Numbers) -> dict[str, Any]:
        return {
            "count": numbers.records,
            "link": self._link(plural, actor),
            **{f"by_{name}": list(self._values(actor, plural, name, numbers)) for name in numbers.axes},
        }

    def _values(self, actor: str, plural: str, dimension: str, numbers: Numbers) -> Iterator[dict[str, Any]]:
        axis = numbers.axes[dimension]
        for value, count in zip(axis.values, axis.totals, strict=True):
            narrowed: dict[str, Any] = {_OF_ADDRESS[dimension]: int(value) if dimension == "year" else value}
            called = self._names.get(value) if dimension == "topic" else None
            name = called.name if called is not None else value
            yield {"value": value, "name": name, "count": count, "link": self._link(plural, actor, **narrowed)}

    def _shared(self, actor: str, partner: str, common: Common) -> dict[str, Any]:
        return {
            plural: {"count": common.records.get(plural, 0), "link": self._link(plural, actor, partner)} for plural in COUNTED
        }

    def _link(self, plural: str, *actors: str, **narrowed: Any) -> str:
        return self._where + self._selection.address(self._kinds[plural], actors=actors, **narrowed)

    def _reference(self, record_id: str) -> dict[str, str] | None:
        called = self._names.get(record_id)
        return {"id": record_id, "kind": called.kind, "name": called.name} if called is not None else None
