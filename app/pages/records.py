"""The page of a record: what it is, its facts, the records around it, its timeline, and how to cite it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.declaration.resource import CITED, Resource
from app.domain import edtf
from app.domain.vocabulary import Kind
from app.pages import facts
from app.pages.citing import Cited
from app.pages.resources import BY_KIND, BY_PLURAL
from app.pages.serving import Page
from app.pages.shown import Shown
from app.pages.visit import Elsewhere, Visit

TIMELINES = frozenset((Kind.COUNTRY, Kind.ORGANIZATION, Kind.PERSON, Kind.TOPIC, Kind.SERIES))
"""The kinds of records whose page has a timeline, because their life is not told by the records around them."""
TIMELINE_LINES = 25
_NOT_INCLUDED = frozenset(("meetings",))
"""Records around a record that its timeline shows already."""


async def record(visit: Visit) -> Page:
    """`/{plural}/{id}`."""
    resource = BY_PLURAL[visit.scope["path_params"]["plural"]]
    record_id = visit.scope["path_params"]["id"]
    path = f"{resource.path}/{record_id}"
    include = ",".join(_includes(resource))
    asked: list[tuple[str, list[tuple[str, str]]]] = [(path, [("include", include)] if include else []), *LAST_CHANGE]
    if resource.kind in TIMELINES:
        asked.append(("/v1/ledger", [("of", record_id), ("limit", str(TIMELINE_LINES)), ("sort", "-date")]))
    found, changes, *timelines = await visit.ask_all(*asked)
    timeline = timelines[0] if timelines else None

    def context(shown: Shown) -> Mapping[str, Any]:
        return {
            "record": found,
            "kind": resource.kind.value,
            "plural": resource.plural,
            "title": shown.title(found),
            "itself": facts.of_itself(found),
            "leads": [*facts.leads(found)],
            "facts": [*facts.facts(found)],
            "tables": [*_tables(visit, resource, found)],
            "timeline": timeline,
            "passages": _by_paragraph(found.get("passages") or ()),
            "more_passages": "passages_more" in found,
            "cited": cited(visit, shown.title(found), changes),
            "of_shown": facts.of_shown,
            "fact": lambda name: facts.fact(resource, found, name),
            "has_calendar": resource.kind is Kind.MEETING and edtf.stated_days(found["date"] or "") is not None,
        }

    return Page("record.html", context, json=visit.link(path))


async def any_record(visit: Visit) -> Page:
    """`/records/{id}`: leads to the page of the record."""
    found = await visit.ask(f"/v1/records/{visit.scope['path_params']['id']}")
    raise Elsewhere(visit.link(f"/{BY_KIND[found['kind']].plural}/{found['id']}"), 308)


LAST_CHANGE = (("/v1/changes", [("before", "end"), ("limit", "1")]),)


def cited(visit: Visit, title: str, changes: Mapping[str, Any]) -> Cited | None:
    """Return how to cite a page. `changes`: the newest change of the registry, as the API shows it; None if there is none."""
    newest = next(iter(changes["data"]), None)
    if newest is None:
        return None
    return Cited(title, visit.address, newest["position"], date.fromisoformat(newest["at"][:10]))


def _includes(resource: Resource) -> list[str]:
    """Return what the page of a record includes: the records around it with their citations."""
    found = [CITED] if CITED in resource.includes else []
    for name, include in resource.includes.items():
        if name != CITED and not (resource.kind in TIMELINES and name in _NOT_INCLUDED):
            found.append(name)
            if CITED in BY_KIND[include.kind].includes:
                found.append(f"{name}.{CITED}")
    return found


def _tables(visit: Visit, resource: Resource, found: Mapping[str, Any]) -> Any:
    """Yield a table for each include that has records."""
    for name, include in resource.includes.items():
        rows = found.get(name)
        if name in (CITED, "passages") or not rows:
            continue
        more = None
        if f"{name}_more" in found:
            more = visit.link(f"/{BY_KIND[include.kind].plural}", [(include.found_by, found["id"])])
        yield facts.table(name, include.kind, rows, without=include.through, more=more)


def _by_paragraph(passages: Any) -> list[tuple[int, list[Mapping[str, Any]]]]:
    """Return the citations of a source by paragraph."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for citation in sorted(passages, key=lambda each: each["paragraph"]):
        found.setdefault(citation["paragraph"], []).append(citation)
    return [*found.items()]
