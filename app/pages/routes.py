"""The addresses of the pages."""

from fastapi import APIRouter
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from app.http.docs import SHARED
from app.http.static_files import text_file
from app.pages import figures, lists, records, registry, sitemaps, views
from app.pages.api import Api
from app.pages.serving import FOLDER, POLICY, Making, Pages

_OWN = {
    "pages/pages.css": text_file("text/css", FOLDER / "static" / "pages.css", POLICY.decode()),
    "pages/pages.js": text_file("text/javascript", FOLDER / "static" / "pages.js", POLICY.decode()),
}
_PAGES: dict[str, Making] = {
    "/": registry.home,
    "/search": registry.search,
    "/ledger": views.ledger,
    "/commitments": views.commitments,
    "/counterparts": views.counterparts,
    "/matrix": figures.matrix,
    "/network": figures.network,
    "/changes": registry.changes,
    "/vocabularies": registry.vocabularies,
    "/about": registry.about,
    "/records/{id}": records.any_record,
    "/{plural:collection}": lists.collection,
    "/{plural:collection}/{id}": records.record,
    "/{plural:collection}/": lists.without_slash,
}


def routes(api: ASGIApp) -> list[BaseRoute]:
    """Return the routes of all pages and of the files that they use. `api`: the router that answers the API."""
    asking = Api(api)
    pages = Pages(asking, SHARED | _OWN)
    files = APIRouter(include_in_schema=False)
    for path, file in _OWN.items():
        files.add_api_route(f"/{path}", file.response, methods=["GET", "HEAD"])
    made: list[Route] = [pages.at(path, make) for path, make in _PAGES.items()]
    return [*sitemaps.routes(asking), *made, *files.routes, pages.nothing]
