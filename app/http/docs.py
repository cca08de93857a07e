"""The documentation pages: Swagger UI, the list of all problems, and what `/v1` promises.

The files of Swagger UI are served by the application itself, so that a browser loads nothing from other servers.
"""

import re
from collections.abc import Callable
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter

from app import DATA_LICENCE, __version__
from app.http.openapi.document import INTRODUCTION, QUESTIONS
from app.http.problems import all_problems
from app.http.static_files import StaticFile, text_file

POLICY = (
    # `data:` is allowed for images, because Swagger UI's style sheet embeds its icons. Everything else is loaded from this
    # server.
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = Path(__file__).parent / "docs_files"
BASE, ICON = "docs/base.css", "docs/icon.svg"
"""The style and the icon that all pages share."""
SHARED = {
    BASE: text_file("text/css", _FILES / "base.css", POLICY),
    ICON: text_file("image/svg+xml", _FILES / "icon.svg", POLICY),
}

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
<a class="home" href="{base}."><img src="{icon}" alt="" width="28" height="28">Rapporteur</a>
<a href="{base}docs">API</a>
<a href="{base}docs/problems">Problems</a>
<a href="{base}docs/promise">Promise</a>
<a href="{base}openapi.json">OpenAPI</a>
</nav></header>
{body}
<footer class="foot">Rapporteur {version}. The software is under MIT, the data under {licence}.</footer>
{scripts}
</body>
</html>
"""
_STYLES = ("docs/assets/swagger-ui.css", BASE, "docs/page.css")
_SCRIPTS = ("docs/assets/swagger-ui-bundle.js", "docs/page.js")
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


def router() -> APIRouter:
    """Return a router with the documentation pages, and the scripts, style sheets and images that these pages use.

    Raises RuntimeError if the package `fastapi-offline`, which contains the files of Swagger UI, is missing.
    """
    swagger = _swagger()
    files: dict[str, StaticFile] = {
        "docs/assets/swagger-ui.css": text_file("text/css", swagger / "swagger-ui.css", POLICY),
        "docs/assets/swagger-ui-bundle.js": text_file("text/javascript", swagger / "swagger-ui-bundle.js", POLICY),
        "docs/page.js": text_file("text/javascript", _FILES / "page.js", POLICY),
        "docs/page.css": text_file("text/css", _FILES / "page.css", POLICY),
        **SHARED,
    }

    def page(
        title: str, body: Callable[[], str], *, styles: tuple[str, ...], scripts: tuple[str, ...] = (), base: str = ""
    ) -> StaticFile:
        """A whole HTML page. `base`: the relative URL from the page to the application's root."""

        def address(name: str) -> str:
            return f"{base}{name}?v={files[name].version}"

        def content() -> str:
            return _PAGE.format(
                title=title,
                base=base,
                icon=address(ICON),
                styles="\n".join(f'<link rel="stylesheet" href="{address(style)}">' for style in styles),
                body=body(),
                scripts="\n".join(f'<script src="{address(script)}"></script>' for script in scripts),
                version=__version__,
                licence=DATA_LICENCE,
            )

        return StaticFile("text/html", content, POLICY)

    def promise() -> str:
        return (_FILES / "promise.html").read_text(encoding="utf-8")

    served = files | {
        "docs": page("Rapporteur: the API", _docs, styles=_STYLES, scripts=_SCRIPTS),
        "docs/problems": page("Rapporteur: problems", _problems, **_BELOW),
        "docs/promise": page("Rapporteur: what /v1 promises", promise, **_BELOW),
    }
    routes = APIRouter(include_in_schema=False)
    for path, file in served.items():
        routes.add_api_route(f"/{path}", file.response, methods=["GET", "HEAD"])
    return routes


def _swagger() -> Path:
    """The folder with the files of Swagger UI. Only the two files that the page uses are served."""
    spec = find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package fastapi-offline, which brings the docs page's files, is not installed")
    return Path(spec.origin).parent / "static"


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
