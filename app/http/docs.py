"""The documentation pages: Swagger UI, the list of all problems, and what `/v1` promises.

The files of Swagger UI are served by the application itself, so that a browser loads nothing from other servers.
"""

import os
import re
from collections.abc import Awaitable, Callable
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from app import __version__
from app.http.about import DATA_LICENCE
from app.http.problems import all_problems
from app.http.responses import SAFELY

POLICY = (
    # `data:` is allowed for images, because Swagger UI's style sheet embeds its icons. Everything else is loaded from this
    # server.
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    **{name.decode(): value.decode() for name, value in SAFELY},
    "content-security-policy": POLICY,
    "cache-control": "no-cache",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{base}docs/icon.svg">
{styles}
</head>
<body>
<header class="bar"><nav aria-label="Rapporteur">
<a class="home" href="{base}docs"><img src="{base}docs/icon.svg" alt="" width="28" height="28">API</a>
<a href="{base}docs/problems">Problems</a>
<a href="{base}docs/promise">Promise</a>
<a href="{base}v1/vocabularies">Vocabularies</a>
<a href="{base}openapi.json">OpenAPI</a>
</nav></header>
{body}
<footer class="foot">Rapporteur {version}. The software is under MIT, the data under {licence}.</footer>
</body>
</html>
"""
_ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js")
_STYLES = ("docs/assets/swagger-ui.css", "docs/page.css")
_BELOW: Any = {"styles": _STYLES[1:], "base": "../"}
"""Arguments of `_page` for the pages below `/docs`: their style sheets, and the relative URL to the application's root."""
_SWAGGER = """<main id="docs"></main>
<noscript><p class="plain">This page is drawn by a script. The same is told by <a href="openapi.json">openapi.json</a>.</p>
</noscript>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/page.js"></script>"""
_PROBLEMS = """<main class="plain problems">
<h1>Problems</h1>
<p>Whatever goes wrong is answered as <code>application/problem+json</code> (RFC 9457). Its <code>type</code> leads to one of
the entries below; its <code>code</code> never changes; <code>detail</code> and <code>errors</code> say what is wrong with the
very request.</p>
{entries}
</main>"""
_PROBLEM = """<section id="{code}">
<h2><a href="#{code}"><span class="status">{status}</span> {title}</a> <code>{code}</code></h2>
<p>{explanation}</p>
</section>"""


class _Assets(StaticFiles):
    """Static files, sent with the same security headers as all other responses."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Find a file only if the documentation page uses it. The package also contains other files, which are not served."""
        return super().lookup_path(path) if path in _ASSETS else ("", None)

    def file_response(self, *arguments: Any, **keywords: Any) -> Response:
        """Return the response with the file, or a response 304 if the client already has the file."""
        response = super().file_response(*arguments, **keywords)
        response.headers.update({name.decode(): value.decode() for name, value in SAFELY})
        return response


def assets() -> StaticFiles:
    """Return an ASGI app that serves the files of Swagger UI.

    Raises RuntimeError if the package `fastapi-offline`, which contains these files, is missing.
    """
    spec = find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package fastapi-offline, which brings the docs page's files, is not installed")
    return _Assets(directory=Path(spec.origin).parent / "static")


def router() -> APIRouter:
    """Return a router with the documentation pages, and the scripts, style sheets and images that these pages use."""
    routes = APIRouter(include_in_schema=False)

    async def home() -> Response:
        return RedirectResponse("docs", headers=_HEADERS)

    served = {
        "/": home,
        "/docs": _serving(_page("Rapporteur: the API", body=_SWAGGER, styles=_STYLES), "text/html"),
        "/docs/problems": _serving(_problems(), "text/html"),
        "/docs/promise": _serving(_page("Rapporteur: what /v1 promises", **_BELOW, body=_file("promise.html")), "text/html"),
        "/docs/page.js": _serving(_file("page.js"), "text/javascript"),
        "/docs/page.css": _serving(_file("page.css"), "text/css"),
        "/docs/icon.svg": _serving(_file("icon.svg"), "image/svg+xml"),
    }
    for path, endpoint in served.items():
        routes.add_api_route(path, endpoint, methods=["GET", "HEAD"])
    return routes


def _file(name: str) -> str:
    """Return the text of a file in the folder `pages`. The files in this folder are served unchanged."""
    return (Path(__file__).parent / "pages" / name).read_text(encoding="utf-8")


def _serving(text: str, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def serve() -> Response:
        return Response(text, media_type=media_type, headers=_HEADERS)

    return serve


def _page(title: str, *, body: str, styles: tuple[str, ...], base: str = "") -> str:
    """Return a whole HTML page. `base`: the relative URL from the page to the application's root."""
    links = "\n".join(f'<link rel="stylesheet" href="{base}{style}">' for style in styles)
    return _PAGE.format(title=title, base=base, styles=links, body=body, version=__version__, licence=DATA_LICENCE)


def _problems() -> str:
    """Return the HTML page that lists every problem with its status and code.

    The `type` of a problem links to its entry in this page.
    """
    entries = "\n".join(
        _PROBLEM.format(
            code=problem.code,
            status=problem.status,
            title=escape(problem.title),
            explanation=re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(problem.explanation)),
        )
        for problem in all_problems()
    )
    return _page("Rapporteur: problems", body=_PROBLEMS.format(entries=entries), **_BELOW)
