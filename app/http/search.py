"""The endpoints of search and of suggestions."""

import re
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query

from app.errors import CursorInvalid, Invalid
from app.http.endpoints import Endpoint, Request, Tagged
from app.http.negotiation import requested_languages
from app.http.openapi.shared import CONDITIONAL, described
from app.http.parameters import window_fault
from app.http.queries import with_page
from app.http.responses import language_header, page_links
from app.reading import cursor as cursors
from app.search.models import SearchAnswer, SearchPage, SearchQuery, Suggestions, SuggestQuery
from app.search.service import SearchService

_OFFSET = re.compile(r"[1-9]\d{0,5}", re.ASCII)
"""Matches the content of a search cursor: an offset, which is the number of hits before the page."""
_HEADERS = ("ETag", "Content-Language", "Link", "Vary")


def router(service: SearchService) -> APIRouter:
    """Return a router with the endpoints of search and of suggestions."""
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
        """Finds records that match the typed text, in any script, spelling and inflection.

        For example, `Залесского`, `Zalessky` and `zalesskij` find the same records. The hits are ordered by where the text was
        found: first names that are equal to the typed text, then names that contain all typed words, then titles and places,
        then texts, then records that involve the best matching names. Within each group, the newest records come first. Each
        hit shows why it was found, with an excerpt from the record.

        The text may contain `"a phrase"`, `-word` (which must not occur) and `prefix*`. Everything else is searched for as
        words. If no record has all words, the records that have most of them are returned (`relaxed`), and `did_you_mean`
        proposes known names.

        A cursor is a position in the list of hits. If a write changes the hits, the next page may repeat or skip a hit.
        """
        if fault := window_fault(query.date_from, query.date_to):
            raise Invalid(str(fault), faults=[fault])
        digest = cursors.request_digest(query.model_dump(mode="json", exclude={"cursor", "limit"}))
        offset = _offset(query.cursor, digest)
        languages = requested_languages(query.lang, request.wants.accept_language)
        found = await service.search(query, languages, offset=offset)
        next_cursor = cursors.encode([str(offset + query.limit)], digest) if found.more else None
        kept = [(name, value) for name, value in request.pairs if name != "cursor"]
        following = urlencode([*kept, ("cursor", next_cursor)]) if next_cursor else None
        links, headers = page_links(request.scope, following, with_page("", "../search", kept))
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
            shown=("ETag", "Content-Language", "Vary"),
            more_parameters=CONDITIONAL,
            examples=("/v1/suggest?q=zales", "/v1/suggest?q=smart%20cit"),
        ),
    )
    async def suggest(request: Request, query: Annotated[SuggestQuery, Query()]) -> Tagged:
        """Returns names in which words begin with the typed text, in any script. Small typing errors are tolerated.

        Records to which many other records refer come first.
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
