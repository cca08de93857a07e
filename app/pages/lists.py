"""The page of a collection: a form with filters, a table of records with their sources, and the other formats."""

from collections.abc import Mapping
from typing import Any

from app.declaration.resource import CITED
from app.domain.vocabulary import Kind
from app.pages import facts
from app.pages.filters import BETWEEN, Choice, choices, kinds_named, named_in
from app.pages.records import LAST_CHANGE, cited
from app.pages.resources import BY_PLURAL
from app.pages.serving import Page
from app.pages.shown import Shown
from app.pages.visit import Elsewhere, Visit

_CALENDARS = frozenset((Kind.MEETING, Kind.ACTION))


async def collection(visit: Visit) -> Page:
    """`/{plural}`, with the filters, the order and the pages of the API."""
    resource = BY_PLURAL[visit.scope["path_params"]["plural"]]
    kinds_of = {name: kinds for name in resource.filters if (kinds := kinds_named(resource, name))}
    pairs, named = await named_in(visit, kinds_of, joined=(BETWEEN,))
    visit.settle(pairs)
    include = [("include", CITED)] if CITED in resource.includes else []
    found, changes = await visit.ask_all((resource.path, [*pairs, *include, ("count", "true")]), *LAST_CHANGE)

    def context(shown: Shown) -> Mapping[str, Any]:
        title, fields = shown.collection(resource.plural), choices(resource, visit, named)
        return {
            "title": title,
            "resource": resource,
            "explanation": resource.kind.explanation,
            "choices": fields,
            "chosen": [
                (each.name, _in_words(each, shown), visit.here({each.name: None, "cursor": None}))
                for each in fields
                if each.values
            ],
            "table": facts.table(resource.plural, resource.kind, found["data"]),
            "found": found["page"],
            "next": found["page"]["next_cursor"],
            "formats": formats(visit, resource.path, calendar=resource.kind in _CALENDARS, feeds=True),
            "sorts": [name for name in resource.sorts if name not in ("id", "created_at", "updated_at")],
            "sort": visit.value("sort") or resource.default_sort,
            "cited": cited(visit, title, changes),
            "of_shown": facts.of_shown,
        }

    return Page("list.html", context, json=visit.link(resource.path, pairs))


async def without_slash(visit: Visit) -> Page:
    """`/{plural}/`: leads to the address without the slash at its end."""
    raise Elsewhere(visit.link(visit.path.rstrip("/"), visit.pairs), 308)


def _in_words(choice: Choice, shown: Shown) -> str:
    return ", ".join(shown.word(choice.context, value) if choice.words else value for value in choice.values)


def formats(
    visit: Visit, path: str, *, calendar: bool = False, feeds: bool = False, table: bool = True
) -> list[tuple[str, str]]:
    """Return the other formats of what a page shows, each with its address: the same answer of the API with the same filter."""
    pairs = [(name, value) for name, value in visit.pairs if name not in ("cursor", "limit")]

    def address(form: str, *more: tuple[str, str]) -> str:
        return visit.link(path, [*pairs, *([("format", form)] if form else []), *more])

    found = [("JSON", address(""))]
    if table:
        found += [("CSV", address("csv", ("bom", "true"))), ("Excel", address("xlsx"))]
    if calendar:
        is_dated = any(name in ("date_from", "date_to") for name, _ in pairs)
        found.append(("Calendar" if is_dated else "Coming", address("ics")))
    if feeds:
        found.append(("Feed", address("atom")))
    return found


def figure_formats(visit: Visit, path: str, asked: list[tuple[str, str]], *forms: tuple[str, str]) -> list[tuple[str, str]]:
    """Return the formats of figures, each with its address. `forms`: those besides JSON, by the name that a page shows."""
    return [("JSON", visit.link(path, asked)), *((name, visit.link(path, [*asked, ("format", form)])) for name, form in forms)]
