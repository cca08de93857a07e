"""Endpoints that read the change log: the list of all changes, and the history of each record."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query
from starlette.types import ASGIApp

from app.db.driver import Driver, to_statement
from app.declaration.model import is_storable
from app.declaration.resource import Resource
from app.errors import Invalid, NotFound
from app.faults import Fault, summary
from app.http.change_feeds import ChangeFeeds, kept_pairs
from app.http.endpoints import Endpoint, Request, Tagged
from app.http.openapi.shared import CONDITIONAL, described, header
from app.http.queries import alternates_of, with_page
from app.http.representations import ATOM, EVENTS, JSON, JSON_FEED, Representation, WritesFeeds
from app.http.responses import page_links
from app.http.streams import Streams
from app.reading import changes
from app.reading.changes import Position
from app.reading.following import Log, Read
from app.reading.naming import Meanings
from app.reading.paging import read_page

_HEADERS = ("ETag", "Link", "Vary")
_LAST_EVENT_ID = header(
    "Last-Event-ID",
    "of a stream of events: the `id` of the last event received; goes before `after`",
    pattern=changes.POSITION_PATTERN,
)
_EVENT = (
    "retry: 2000\nid: 906.5c0e21d7\n\n"
    'id: 907.1f0c9a3e\nevent: patch\ndata: {"seq":907,"position":"907.1f0c9a3e","operation":"patch","kind":"topic",…}\n\n'
)


class ChangesEndpoint(Endpoint):
    """A route that answers with JSON, with a stream of server-sent events, or with a feed."""

    offered = (JSON, EVENTS, ATOM, JSON_FEED)


def router(log: Log, streams: Streams, feeds: ChangeFeeds) -> APIRouter:
    """Return a router with the endpoint that reads the change log."""
    routes = APIRouter(route_class=ChangesEndpoint)

    @routes.get(
        "/v1/changes",
        tags=["records"],
        response_model=changes.Changes,
        **described(
            "list_changes",
            "Follow what changes",
            "The changes.",
            shown=_HEADERS,
            more_parameters=(CONDITIONAL[0], _LAST_EVENT_ID),
            examples=(
                "/v1/changes?limit=5",
                "/v1/changes?kind=meeting&limit=5",
                "/v1/changes?of=by-cn-ict-mou-2024&limit=5",
                "/v1/changes?topic=artificial-intelligence&before=end&limit=5",
                "/v1/changes?format=jsonfeed&limit=5",
            ),
            more_failures=(("410", "Gone"),),
            more_content={
                EVENTS.media_type: {"schema": EVENTS.schema, "example": _EVENT},
                **{each.media_type: {"schema": each.schema} for each in (ATOM, JSON_FEED)},
            },
        ),
    )
    async def list_changes(request: Request, query: Annotated[changes.ChangesQuery, Query()]) -> Tagged | ASGIApp:
        """Returns the changes in the order in which they were committed, including deletions.

        To continue, send the `position` of the previous page as `after`, or follow its link `next`. In this way, no change is
        missed and no change is returned twice. With `wait`, a request at the end of the log is answered as soon as something
        changes. If the registry was restored from a backup since, the answer is 410: read `/v1/export`, and follow from the
        position in its header `Rapporteur-Position`.

        With `Accept: text/event-stream` or `format=events`, the answer is a stream of server-sent events that goes on as
        changes are committed. An event has the position of the change as `id`, its operation as `event`, and the change in one
        line as `data`. It begins behind `Last-Event-ID`, or `after`, or at the end of the log if neither is given.

        With `format=atom` or `jsonfeed`, the answer is a feed of the newest changes. The id of an entry is that of the change;
        in Atom, the end of a record is a `deleted-entry` (RFC 6721).

        Within a transaction, a record comes after the records it refers to, and deletions come last, in reverse order. Records
        that refer to one another in a circle come in the order of their ids. What earlier releases wrote is in no such order.
        """
        wants_events = request.representation is EVENTS
        _refuse_contradictions(query, request.representation)
        if wants_events:
            start = _start_of_stream(request, query)
            return await streams.open(await log.narrowed(query), start)
        narrowed = await log.narrowed(query)
        if isinstance(request.representation, WritesFeeds):
            before = Position.parsed(query.before) if query.before not in (None, changes.END) else None
            read = await log.before(before, narrowed, query.limit, whole=query.whole)
            return feeds.page(request.scope, request.representation, read, query.limit)
        if query.before is not None:
            before = None if query.before == changes.END else Position.parsed(query.before)
            return _page_of_log(request, query, await log.before(before, narrowed, query.limit, whole=query.whole))
        after = Position.parsed(query.after)
        read = await streams.wait(
            request.scope, request.receive, narrowed, after, query.limit, whole=query.whole, seconds=query.wait
        )
        return _page_of_log(request, query, read)

    return routes


def _refuse_contradictions(query: changes.ChangesQuery, form: Representation) -> None:
    """Raise Invalid if parameters contradict one another."""
    faults = []
    if query.before is not None and "after" in query.model_fields_set:
        faults.append(Fault("contradicts `after`: a page goes on from one position, in one direction", parameter="before"))
    if query.before is not None and query.wait:
        faults.append(Fault("contradicts `before`: nothing is added to what came before a position", parameter="wait"))
    told: Mapping[str, str] = {}
    if form is EVENTS:
        told = {
            "before": "a stream of events goes forwards: leave it out, or ask for JSON",
            "wait": "a stream of events always waits: leave it out, or ask for JSON",
            "limit": "a stream of events has no pages: leave it out, or ask for JSON",
        }
    if isinstance(form, WritesFeeds):
        told = {
            "after": "a feed begins with the newest changes: leave it out, or ask for JSON",
            "wait": "a feed never waits: leave it out, or ask for JSON",
        }
    faults += [Fault(why, parameter=name) for name, why in told.items() if name in query.model_fields_set]
    if faults:
        raise Invalid(summary(faults), faults=faults)


def _start_of_stream(request: Request, query: changes.ChangesQuery) -> Position | None:
    """Return where a stream begins: behind `Last-Event-ID`, otherwise behind `after`; None for the end of the log.

    Raises Invalid if `Last-Event-ID` is no position.
    """
    last_id = request.headers.get("last-event-id", "").strip()
    if last_id:
        try:
            return Position.parsed(changes.position(last_id))
        except ValueError as error:
            fault = Fault(str(error), header="Last-Event-ID")
            raise Invalid(str(fault), faults=[fault]) from None
    return Position.parsed(query.after) if "after" in query.model_fields_set else None


def _page_of_log(request: Request, query: changes.ChangesQuery, read: Read) -> Tagged:
    """Return a page of the log. The link to the next page has all parameters of the request."""
    end = str(read.end)
    page = {"limit": query.limit, "more": read.more, "position": end, "last_seq": read.end.seq, "complete": read.complete}
    following = [*kept_pairs(request.scope), ("after" if query.before is None else "before", end), ("limit", str(query.limit))]
    # There may always be news after the last page, but nothing before the first one.
    goes_on = query.before is None or read.more
    kept = kept_pairs(request.scope)
    shown = with_page(alternates_of(kept, JSON, ChangesEndpoint.offered, lambda _: ()), "../changes", kept)
    return _page(request, [row[0] for row in read.rows], page, following if goes_on else None, shown)


def histories(resources: Sequence[Resource], driver: Driver, meanings: Meanings) -> APIRouter:
    """Return a router with the endpoints that read the history of a record, one endpoint for each collection."""
    routes = APIRouter(route_class=Endpoint)
    history = to_statement(changes.history(), driver.dialect)

    def history_of(resource: Resource) -> None:
        shown = [resource.example] if resource.example else None

        @routes.get(
            f"{resource.path}/{{id}}/history",
            tags=[resource.plural],
            response_model=changes.History,
            **described(
                f"list_{resource.kind}_history",
                f"The history of {resource.kind.with_article}",
                "The versions.",
                shown=_HEADERS,
                more_parameters=CONDITIONAL[:1],
                examples=[f"{resource.path}/{resource.example}/history"] if resource.example else [],
                more_failures=(("404", "NotFound"),),
            ),
        )
        async def list_history(
            request: Request,
            record_id: Annotated[str, Path(alias="id", description="the record's id", examples=shown)],
            query: Annotated[changes.HistoryQuery, Query()],
        ) -> Tagged:
            """Returns all versions of the record, the newest first.

            A record that was deleted or merged still has its history.
            """
            if not is_storable(record_id):
                raise NotFound(f"no {resource.kind} has such an id")
            record_id = await meanings.named_by_code(resource, record_id)
            given = {"id": record_id, "before": query.before or changes.MAX_SEQ}
            rows, beyond = await read_page(driver, history, given, query.limit)
            known = rows or (query.before and await driver.fetch(history, {**given, "before": changes.MAX_SEQ, "limit": 1}))
            if not known:
                raise NotFound(f"there never was a {resource.kind} with the id {record_id!r}")
            if known[0][2] != resource.kind:
                raise NotFound(f"{record_id!r} is no {resource.kind} but a {known[0][2]}")
            entries = [
                changes.with_changed(row[0], row[3], before[3] if before else None)
                for row, before in zip(rows, [*rows[1:], beyond], strict=bool(rows))
            ]
            following = [("before", str(rows[-1][1])), ("limit", str(query.limit))] if beyond is not None else None
            return _page(request, entries, {"limit": query.limit, "more": beyond is not None}, following)

    for resource in resources:
        history_of(resource)
    return routes


def _page(
    request: Request,
    entries: Sequence[str],
    page: Mapping[str, Any],
    following: Sequence[tuple[str, str]] | None,
    alternates: str = "",
) -> Tagged:
    """Return a page of entries, with links to this page and to the next one. `entries` are JSON texts from the database.

    `following`: the query parameters of the next page; None if there is no next page to link to. `alternates`: links
    to other forms of the page.
    """
    links, headers = page_links(request.scope, urlencode(following) if following else None, alternates)
    around = json.dumps({"page": page, "links": links}, separators=(",", ":"))
    return Tagged(f'{{"data":[{",".join(entries)}],{around[1:]}'.encode(), headers)
