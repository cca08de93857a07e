"""Search and suggestions over HTTP."""

import re
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query

from app.errors import CursorInvalid, Invalid
from app.faults import Fault
from app.http.endpoints import Endpoint, Request, Tagged
from app.http.negotiation import requested_languages
from app.http.openapi.shared import CONDITIONAL, described
from app.http.parameters import query_pairs
from app.http.responses import language_header, page_links
from app.reading import cursor as cursors
from app.search.models import SearchAnswer, SearchPage, SearchQuery, Suggestions, SuggestQuery
from app.search.service import SearchService

_OFFSET = re.compile(r"[1-9]\d{0,5}", re.ASCII)
"""The content of a search cursor: an offset, which is the number of hits before the page."""
_HEADERS = ("ETag", "Content-Language", "Link", "Vary")


def router(service: SearchService) -> APIRouter:
    """The routes."""
    routes = APIRouter(route_class=Endpoint, tags=["search"])

    @routes.get(
        "/v1/search",
        response_model=SearchAnswer,
        **described(
            "search_records",
            "Find records by what is typed",
            "What was found.",
            shown=_HEADERS,
            more_parameters=CONDITIONAL,
            examples=(
                "/v1/search?q=Zalessky",
                "/v1/search?q=SCO&kind=meeting&facets=year,country",
                "/v1/search?date_from=2025-10-14&date_to=2025-10-17",
            ),
        ),
    )
    async def search(request: Request, query: Annotated[SearchQuery, Query()]) -> Tagged:
        """Finds records by what somebody types, in any script, spelling and inflection.

        `Залесского`, `Zalessky` and `zalesskij` find the same. A name that is what was typed stands first, then names that have
        all of it, then titles and places, then texts, then what is involved with the best names; the newest first among equals.
        Each hit says why it was found, in its own words.

        `"a phrase"`, `-word`, `beginn*`; whatever else is typed is looked for as words. Where no record has all of them, those
        that have most are found (`relaxed`), and `did_you_mean` proposes known names.

        The cursor is a place in the hits: after a write that changes them it may repeat or skip one.
        """
        if query.date_from and query.date_to and query.date_from > query.date_to:
            fault = Fault(f"{query.date_to} lies before date_from, {query.date_from}", parameter="date_to")
            raise Invalid(str(fault), faults=[fault])
        digest = cursors.request_digest(query.model_dump(mode="json", exclude={"cursor", "limit"}))
        offset = _offset(query.cursor, digest)
        languages = requested_languages(query.lang, request.wants.accept_language)
        found = await service.search(query, languages, offset=offset)
        next_cursor = cursors.encode([str(offset + query.limit)], digest) if found.more else None
        kept = [(name, value) for name, value in query_pairs(request.scope["query_string"]) if name != "cursor"]
        links, headers = page_links(request.scope, urlencode([*kept, ("cursor", next_cursor)]) if next_cursor else None)
        answer = SearchAnswer(
            data=found.hits,
            page=SearchPage(limit=query.limit, next_cursor=next_cursor, total=found.total, truncated=found.truncated),
            links=links,
            relaxed=found.relaxed,
            ignored=list(found.ignored),
            did_you_mean=found.did_you_mean,
            facets=found.facets,
            approximate=bool(query.facets) and found.truncated,
        )
        return Tagged(answer.model_dump_json().encode(), [*language_header(*languages[:1]), *headers])

    @routes.get(
        "/v1/suggest",
        response_model=Suggestions,
        **described(
            "suggest_names",
            "Complete a name as it is typed",
            "Names that go on so.",
            shown=_HEADERS,
            more_parameters=CONDITIONAL,
            examples=("/v1/suggest?q=zales", "/v1/suggest?q=smart%20cit"),
        ),
    )
    async def suggest(request: Request, query: Annotated[SuggestQuery, Query()]) -> Tagged:
        """Names whose words begin like what was typed, in any script and with room for a slip.

        What is named most often stands first.
        """
        languages = requested_languages(query.lang, request.wants.accept_language)
        answer = Suggestions(data=await service.suggest(query, languages))
        return Tagged(answer.model_dump_json().encode(), language_header(*languages[:1]))

    return routes


def _offset(cursor: str | None, digest: str) -> int:
    if cursor is None:
        return 0
    (part,) = cursors.decode(cursor, digest=digest, length=1)
    if not _OFFSET.fullmatch(part):
        raise CursorInvalid(cursors.NOT_OURS)
    return int(part)
