"""Endpoints that read the change log: the list of all changes, and the history of each record."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query

from app.db.driver import Driver, to_statement
from app.declaration.model import is_storable
from app.declaration.resource import Resource
from app.errors import NotFound, PositionUnknown
from app.http.endpoints import Endpoint, Request, Tagged
from app.http.openapi.shared import CONDITIONAL, described
from app.http.responses import page_links
from app.reading import changes
from app.reading.naming import Meanings
from app.reading.paging import read_page

_HEADERS = ("ETag", "Link", "Vary")


def router(driver: Driver) -> APIRouter:
    """Return a router with the endpoint that reads the change log."""
    routes = APIRouter(route_class=Endpoint)
    since = lru_cache(4)(lambda *narrowed: to_statement(changes.since(*narrowed), driver.dialect))
    standing = to_statement(changes.standing(), driver.dialect)

    @routes.get(
        "/v1/changes",
        tags=["records"],
        response_model=changes.Changes,
        **described(
            "list_changes",
            "Follow what changes",
            "The changes.",
            shown=_HEADERS,
            more_parameters=CONDITIONAL[:1],
            examples=("/v1/changes?limit=5", "/v1/changes?kind=meeting&limit=5"),
            more_failures=(("410", "Gone"),),
        ),
    )
    async def list_changes(request: Request, query: Annotated[changes.ChangesQuery, Query()]) -> Tagged:
        """Returns the changes in the order in which they were committed, including deletions.

        To continue, send the `position` of the previous page as `after`, or follow its link `next`. In this way, no change is
        missed and no change is returned twice. If the registry was restored from a backup since, the answer is 410: read
        `/v1/export`, and follow from the position in its header `Rapporteur-Position`.

        Within a transaction, a record comes after the records it refers to, and deletions come last, in reverse order. Records
        that refer to one another in a circle come in the order of their ids. What earlier releases wrote is in no such order.
        """
        narrowed = query.model_dump(mode="json", include={"kind", "transaction"}, exclude_none=True)
        after = changes.Position.parsed(query.after)
        found, beyond = await read_page(driver, since(*narrowed), {**narrowed, "after": after.seq}, query.limit)
        if after.seq or after.digest:
            # The position is checked after the read: if the log is replaced in between, the answer is 410 as well.
            after = await require_standing(after)
        rows, complete = changes.until_the_end_of_a_transaction(found, beyond, whole=query.whole)
        end = changes.Position(*rows[-1][1:3]) if rows else after
        more = beyond is not None
        page = {"limit": query.limit, "more": more, "position": str(end), "last_seq": end.seq, "complete": complete}
        whole = {"whole": "true"} if query.whole else {}
        following = {**narrowed, **whole, "after": str(end), "limit": query.limit}
        return _page(request, [row[0] for row in rows], page, following)

    async def require_standing(after: changes.Position) -> changes.Position:
        """Return the position with its digest. Raises PositionUnknown if the log has another change there, or ends before."""
        ((last, digest),) = await driver.fetch(standing, {"after": after.seq})
        if after.seq > last or (after.digest and after.digest != digest):
            raise PositionUnknown(f"the log has no position {after}; it was restored or replaced since the position was read")
        return changes.Position(after.seq, digest or "")

    return routes


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
            following = {"before": rows[-1][1], "limit": query.limit} if beyond is not None else None
            return _page(request, entries, {"limit": query.limit, "more": beyond is not None}, following)

    for resource in resources:
        history_of(resource)
    return routes


def _page(request: Request, entries: Sequence[str], page: Mapping[str, Any], following: Mapping[str, Any] | None) -> Tagged:
    """Return a page of entries, with links to this page and to the next one. `entries` are JSON texts from the database.

    `following`: the query parameters of the next page; None if there is no next page to link to.
    """
    links, headers = page_links(request.scope, urlencode(following) if following else None)
    around = json.dumps({"page": page, "links": links}, separators=(",", ":"))
    return Tagged(f'{{"data":[{",".join(entries)}],{around[1:]}'.encode(), headers)
