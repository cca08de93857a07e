"""The pages about the registry as a whole: the start, search, changes, vocabularies, and what this is."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.domain import vocabulary
from app.domain.vocabulary import Kind
from app.pages.language import later
from app.pages.lists import formats
from app.pages.names import DAYS, day_typed
from app.pages.resources import BY_KIND
from app.pages.serving import Page
from app.pages.shown import Shown
from app.pages.visit import Visit
from app.resources import RESOURCES

NEWEST = 8
CHANGES = 50
_RECORDS = ("country", "topic", "topic_exact", "organization", "participant", "between")
"""The parameters of a search that name records."""
QUESTIONS: Sequence[tuple[str, str]] = (
    (later("Who took part in the negotiations of 16 June 2025, and in what capacity?"), "/meetings/by-cn-talks-2025-06-16"),
    (later("What was signed between Belarus and China, and what happened to it later?"), "/ledger?between=BY,CN"),
    (later("Was Belarus a member of the SCO on 1 January 2025?"), "/memberships?member=BY&of=sco&valid_at=2025-01-01"),
    (later("Which memoranda cover artificial intelligence?"), "/memoranda?topic=artificial-intelligence"),
    (later("What has Belarus promised or proposed, and did anything come of it?"), "/commitments?by=BY"),
)
"""Questions that the start answers, as examples of what can be asked, each with the address of the page that answers it."""
BROWSED = ("meetings", "memoranda", "outcomes", "people", "organizations", "countries", "series", "topics", "sources")
"""The collections that the start shows first. The others link records, and are reached from these."""


async def home(visit: Visit) -> Page:
    """`/`: what this is, a box to search with, the newest records, questions that others ask, and all collections."""
    index, newest = await visit.ask_all(
        ("/v1", ()), ("/v1/search", [("limit", str(NEWEST)), ("kind", "meeting"), ("kind", "memorandum"), ("kind", "outcome")])
    )

    def context(_shown: Shown) -> Mapping[str, Any]:
        return {
            "index": index,
            "newest": newest["data"],
            "questions": [(question, *address.partition("?")[::2]) for question, address in QUESTIONS],
            "browsed": [resource for name in BROWSED for resource in RESOURCES if resource.plural == name],
        }

    return Page("home.html", context, json=visit.link("/v1"))


async def search(visit: Visit) -> Page:
    """`/search`: what was found for the words typed, in any script, and how to narrow it."""
    pairs = [(name, day_typed(name, value) if name in DAYS else value) for name, value in visit.pairs]
    visit.settle(pairs)
    found, names = None, {}
    if pairs:
        found = await visit.ask("/v1/search", [*pairs, ("facets", "kind,year,country,topic")])
        if ids := [value for name, value in pairs for value in value.split(",") if name in _RECORDS]:
            named = await visit.ask("/v1/records", [("ids", ",".join(ids))])
            names = {each["id"]: each["name"] for each in named["data"]}

    def context(shown: Shown) -> Mapping[str, Any]:
        return {
            "typed": visit.value("q") or "",
            "found": found,
            "kinds": [kind.value for kind in Kind if BY_KIND[kind.value].searched is not None],
            "facets": _facets(visit, found["facets"]) if found else [],
            "chosen": _chosen(shown, names),
            "formats": formats(visit, "/v1/search", table=False) if found else [],
        }

    return Page("search.html", context, json=visit.link("/v1/search", visit.pairs) if found else None)


def _facets(visit: Visit, facets: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str | None, int, str]]]]:
    """Return, by facet, its values: value, name, count and the address of the page narrowed to it."""
    return [
        (facet, [(each["value"], each["name"], each["count"], visit.here(_narrowed(facet, each["value"]))) for each in values])
        for facet, values in facets.items()
        if len(values) > 1
    ]


def _narrowed(facet: str, value: str) -> dict[str, str | None]:
    if facet == "year":
        return {"date_from": f"{value}-01-01", "date_to": f"{value}-12-31", "cursor": None}
    return {facet: value, "cursor": None}


def _chosen(shown: Shown, names: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return what narrows the search now: the parameter, its value in words, and the address without it."""
    return [
        (
            name,
            shown.kind(value) if name == "kind" else ", ".join(names.get(each, each) for each in value.split(",")),
            shown.here({name: None, "cursor": None}),
        )
        for name, value in shown.visit.pairs
        if name not in ("q", "cursor")
    ]


async def changes(visit: Visit) -> Page:
    """`/changes`: what was written, corrected and deleted, the newest first."""
    before = [] if visit.value("before") or visit.value("after") else [("before", "end")]
    pairs = [*visit.pairs, *before, ("limit", str(CHANGES))]
    found = await visit.ask("/v1/changes", pairs)
    ids = dict.fromkeys(each["id"] for each in found["data"] if each["state"] and each["state"].get("name"))
    kept = [(name, value) for name, value in visit.pairs if name not in ("after", "before")]
    named = await visit.ask("/v1/records", [("ids", ",".join(ids))]) if ids and visit.language.tag != "en" else {"data": ()}
    names = {each["id"]: each.get("name") for each in named["data"]}

    def context(shown: Shown) -> Mapping[str, Any]:
        return {
            "found": found,
            "previous": found["data"][-1]["position"] if len(found["data"]) == CHANGES else None,
            "name_of": lambda change: names.get(change["id"]) or (shown.title(change["state"]) if change["state"] else None),
            "formats": [
                ("JSON", visit.link("/v1/changes", pairs)),
                ("Feed", visit.link("/v1/changes", [*kept, ("format", "atom")])),
            ],
        }

    return Page("changes.html", context, json=visit.link("/v1/changes", pairs))


async def vocabularies(visit: Visit) -> Page:
    """`/vocabularies`: what each word of the registry means."""
    await visit.ask("/v1/vocabularies")

    def context(_shown: Shown) -> Mapping[str, Any]:
        return {"vocabularies": vocabulary.Vocabulary.__subclasses__()}

    return Page("vocabularies.html", context, json=visit.link("/v1/vocabularies"))


async def about(visit: Visit) -> Page:
    """`/about`: what the registry is, where its statements come from, and how it may be used."""
    index = await visit.ask("/v1")

    def context(_shown: Shown) -> Mapping[str, Any]:
        return {"index": index}

    return Page("about.html", context, json=visit.link("/v1"))
