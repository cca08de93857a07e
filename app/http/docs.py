"""The documentation pages: Swagger UI, the list of all problems, and what `/v1` promises.

The files of Swagger UI are served by the application itself, so that a browser loads nothing from other servers. They are sent
compressed, and a page names each file with a digest of its content, so that a browser loads it once and then keeps it.
"""

import gzip
import re
from collections.abc import Callable
from functools import cached_property
from hashlib import sha256
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app import __version__
from app.http.about import DATA_LICENCE
from app.http.openapi.document import INTRODUCTION, QUESTIONS
from app.http.problems import all_problems
from app.http.responses import SAFELY, matches, request_headers

POLICY = (
    # `data:` is allowed for images, because Swagger UI's style sheet embeds its icons. Everything else is loaded from this
    # server.
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    **{name.decode(): value.decode() for name, value in SAFELY},
    "content-security-policy": POLICY,
    "vary": "Accept-Encoding",
}
_REVALIDATED = "no-cache"
_KEPT = "public, max-age=31536000, immutable"
_COMPRESSION = 9
"""The level for gzip. The compressed bytes are kept, so that only the first request waits for them."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="{icon}">
{styles}
</head>
<body>
<header class="bar"><nav aria-label="Rapporteur">
<a class="home" href="{base}docs"><img src="{icon}" alt="" width="28" height="28">API</a>
<a href="{base}docs/problems">Problems</a>
<a href="{base}docs/promise">Promise</a>
<a href="{base}v1/vocabularies">Vocabularies</a>
<a href="{base}openapi.json">OpenAPI</a>
</nav></header>
{body}
<footer class="foot">Rapporteur {version}. The software is under MIT, the data under {licence}.</footer>
{scripts}
</body>
</html>
"""
_STYLES = ("docs/assets/swagger-ui.css", "docs/page.css")
_SCRIPTS = ("docs/assets/swagger-ui-bundle.js", "docs/page.js")
_ICON = "docs/icon.svg"
_BELOW: Any = {"styles": _STYLES[1:], "base": "../"}
"""Arguments of `_page` for the pages below `/docs`: their style sheets, and the relative URL to the application's root."""
_DOCS = """<main id="docs"><div class="plain">
<h1>Rapporteur</h1>
<p>{introduction}</p>
<h2>The first five questions</h2>
<ol class="questions">
{questions}
</ol>
<p><a href="v1/">The start of the API</a> leads to every collection. <a href="openapi.json">openapi.json</a> describes every
operation, also for programs that make clients from it.</p>
<noscript><p>The list of operations, in which you can try them, needs JavaScript.</p></noscript>
</div></main>"""
"""The body of the docs page. When Swagger UI has started, it replaces the content of `main`. Until then, and in a browser
without JavaScript, users read this."""
_QUESTION = """<li><a href="{href}">{question}</a> <code>{address}</code></li>"""
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


class _File:
    """A file or page. Its content is made at the first request, so that it delays no start of the application."""

    def __init__(self, media_type: str, content: Callable[[], str]) -> None:
        self._media_type = media_type
        self._content = content

    @cached_property
    def _made(self) -> tuple[str, bytes]:
        content = self._content().encode()
        return sha256(content, usedforsecurity=False).hexdigest()[:16], gzip.compress(content, _COMPRESSION, mtime=0)

    @property
    def version(self) -> str:
        """A digest of the content. A browser may keep for ever what has this digest in its URL (`?v=…`)."""
        return self._made[0]

    def response(self, request: Request) -> Response:
        """Return the content, compressed if the client takes gzip; or 304 if the client has it already."""
        wanted = request_headers(request.scope)
        version, compressed = self._made
        tag = f'"{version}-gzip"' if wanted.gzip else f'"{version}"'
        headers = _HEADERS | {"etag": tag}
        headers["cache-control"] = _KEPT if request.query_params.get("v") == version else _REVALIDATED
        if wanted.if_none_match and matches(wanted.if_none_match, tag):
            return Response(status_code=304, headers=headers)
        if wanted.gzip:
            headers["content-encoding"] = "gzip"
        content = compressed if wanted.gzip else gzip.decompress(compressed)
        return Response(content, media_type=self._media_type, headers=headers)


def router() -> APIRouter:
    """Return a router with the documentation pages, and the scripts, style sheets and images that these pages use.

    Raises RuntimeError if the package `fastapi-offline`, which contains the files of Swagger UI, is missing.
    """
    swagger = _swagger()
    files: dict[str, _File] = {
        "docs/assets/swagger-ui.css": _read("text/css", swagger / "swagger-ui.css"),
        "docs/assets/swagger-ui-bundle.js": _read("text/javascript", swagger / "swagger-ui-bundle.js"),
        "docs/page.js": _read("text/javascript", _PAGES / "page.js"),
        "docs/page.css": _read("text/css", _PAGES / "page.css"),
        _ICON: _read("image/svg+xml", _PAGES / "icon.svg"),
    }

    def page(
        title: str, body: Callable[[], str], *, styles: tuple[str, ...], scripts: tuple[str, ...] = (), base: str = ""
    ) -> _File:
        """A whole HTML page. `base`: the relative URL from the page to the application's root."""

        def address(name: str) -> str:
            return f"{base}{name}?v={files[name].version}"

        def content() -> str:
            return _PAGE.format(
                title=title,
                base=base,
                icon=address(_ICON),
                styles="\n".join(f'<link rel="stylesheet" href="{address(style)}">' for style in styles),
                body=body(),
                scripts="\n".join(f'<script src="{address(script)}"></script>' for script in scripts),
                version=__version__,
                licence=DATA_LICENCE,
            )

        return _File("text/html", content)

    def promise() -> str:
        return (_PAGES / "promise.html").read_text(encoding="utf-8")

    served = files | {
        "docs": page("Rapporteur: the API", _docs, styles=_STYLES, scripts=_SCRIPTS),
        "docs/problems": page("Rapporteur: problems", _problems, **_BELOW),
        "docs/promise": page("Rapporteur: what /v1 promises", promise, **_BELOW),
    }
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/", _home, methods=["GET", "HEAD"])
    for path, file in served.items():
        routes.add_api_route(f"/{path}", file.response, methods=["GET", "HEAD"])
    return routes


_PAGES = Path(__file__).parent / "pages"


def _swagger() -> Path:
    """The folder with the files of Swagger UI. Only the two files that the page uses are served."""
    spec = find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package fastapi-offline, which brings the docs page's files, is not installed")
    return Path(spec.origin).parent / "static"


def _read(media_type: str, path: Path) -> _File:
    return _File(media_type, lambda: path.read_text(encoding="utf-8"))


async def _home() -> Response:
    return RedirectResponse("docs", headers=_HEADERS | {"cache-control": _REVALIDATED})


def _docs() -> str:
    """Return the body of the docs page: the introduction and the questions of the OpenAPI document, as HTML."""
    introduction, _, rest = INTRODUCTION.partition("\n\n")
    questions = re.findall(r"^\d+\. \[(.+)\]\(\{(\w+)\}\)$", rest, re.MULTILINE)
    items = (
        _QUESTION.format(
            # Relative, so that it also leads to the API if a proxy serves this page below a prefix.
            href=escape(quote(QUESTIONS[name].removeprefix("/"), safe="/?=&,%-")),
            question=escape(question),
            address=escape(QUESTIONS[name]),
        )
        for question, name in questions
    )
    return _DOCS.format(
        introduction=re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escape(introduction)),
        questions="\n".join(items),
    )


def _problems() -> str:
    """Return the body of the page that lists every problem with its status and code.

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
    return _PROBLEMS.format(entries=entries)
